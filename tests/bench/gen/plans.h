// plans: small plans for the generator's tests.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace sluice::gen::test {

inline std::string key64(char c, std::size_t bytes) {
  // Base64 of bytes that are zero except the first. Test keys need not be strong.
  static const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text(1, alphabet[static_cast<std::size_t>(c) % 64]);
  text += std::string((bytes + 2) / 3 * 4 - 1, 'A');
  if (bytes % 3 == 1) text.replace(text.size() - 2, 2, "==");
  if (bytes % 3 == 2) text.replace(text.size() - 1, 1, "=");
  return text;
}

/// `count` calls: one endpoint sends and one receives. The calls use three protections in turn.
inline nlohmann::json calls(int count, int outputs = 1) {
  nlohmann::json plan{{"workload", "test"},
                      {"link", {{"mac", "02:00:00:00:00:01"}, {"relayMac", "02:00:00:00:00:02"}}},
                      {"endpoints", nlohmann::json::array()},
                      {"streams", nlohmann::json::array()},
                      {"receivers", nlohmann::json::array()}};
  for (int i = 0; i < 2 * count; ++i) {
    nlohmann::json endpoint{{"address", "198.18.1.2:" + std::to_string(5000 + 2 * i)},
                            {"relay", "198.18.0.1:" + std::to_string(20000 + 2 * i)}};
    const int kind = i / 2 % 3;
    endpoint["protection"] = kind == 0 ? "none" : kind == 1 ? "AES_CM_128_HMAC_SHA1_80" : "AEAD_AES_128_GCM";
    if (kind != 0) {
      endpoint["sendKey"] = key64(static_cast<char>(i + 1), kind == 1 ? 30 : 28);
      endpoint["receiveKey"] = key64(static_cast<char>(i + 33), kind == 1 ? 30 : 28);
    }
    plan["endpoints"].push_back(endpoint);
  }
  for (int i = 0; i < count; ++i) {
    plan["streams"].push_back({{"endpoint", 2 * i},
                               {"ssrc", 1000 + i},
                               {"payloadType", 96},
                               {"payloadBytes", 60 + 100 * (i % 3)},
                               {"packetsPerSecond", 50},
                               {"outputs", outputs}});
    plan["receivers"].push_back({{"endpoint", 2 * i + 1}, {"ssrc", 7000 + i}, {"stream", i}});
  }
  return plan;
}

}  // namespace sluice::gen::test
