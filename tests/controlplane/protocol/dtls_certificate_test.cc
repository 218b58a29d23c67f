// dtls_certificate, dtls_fingerprint, dtls_context: good and bad PEM files, and fingerprints in the form of
// signalling.
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "tests/controlplane/protocol/dtls_fixture.h"

namespace sluice::control {
namespace {

using namespace test;

TEST(DtlsFingerprint, ReadsWhatSignallingCarries) {
  std::string error;
  DtlsPeer peer({});
  const std::string sha1 = peer.fingerprint(EVP_sha1());
  EXPECT_FALSE(DtlsFingerprint::parse("sha-1", sha1, error));
  EXPECT_NE(error.find("sha-1"), std::string::npos);
  EXPECT_NE(error.find("sha-256"), std::string::npos);
  const std::string good = peer.fingerprint(EVP_sha256());
  const auto parsed = DtlsFingerprint::parse("Sha-256", good, error);
  ASSERT_TRUE(parsed);
  std::string upper = good;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  EXPECT_EQ(parsed->value(), upper);
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_FALSE(DtlsFingerprint::parse("sha-256", good.substr(0, length), error)) << length;
  for (const char bad : {'g', ' ', ':', '\0'})
    for (std::size_t i = 0; i < good.size(); ++i) {
      std::string broken = good;
      if (broken[i] == bad) continue;
      broken[i] = bad;
      EXPECT_FALSE(DtlsFingerprint::parse("sha-256", broken, error)) << i;
    }
}

class PemFiles : public ::testing::Test {
 protected:
  PemFiles() : folder_(std::filesystem::temp_directory_path() / ("dtls_test_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~PemFiles() override { std::filesystem::remove_all(folder_); }
  std::string path(const char* name) const { return (folder_ / name).string(); }
  void write(const DtlsCertificate& made, const char* cert, const char* key,
             const char* passphrase = nullptr) {
    FILE* file = std::fopen(path(cert).c_str(), "w");
    PEM_write_X509(file, made.x509());
    std::fclose(file);
    file = std::fopen(path(key).c_str(), "w");
    const bool locked = passphrase != nullptr;
    PEM_write_PrivateKey(file, made.key(), locked ? EVP_aes_128_cbc() : nullptr,
                         reinterpret_cast<const unsigned char*>(passphrase),
                         locked ? static_cast<int>(std::strlen(passphrase)) : 0, nullptr, nullptr);
    std::fclose(file);
  }
  std::filesystem::path folder_;
};

TEST_F(PemFiles, AreLoadedOrRefusedWithAReason) {
  std::string error;
  const auto first = DtlsCertificate::self_made(error);
  const auto second = DtlsCertificate::self_made(error);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->sha256_fingerprint().size(), 95U);
  EXPECT_NE(first->sha256_fingerprint(), second->sha256_fingerprint());
  write(*first, "a.pem", "a.key");
  write(*second, "b.pem", "b.key", "secret");
  const auto loaded = DtlsCertificate::load_pem(path("a.pem"), path("a.key"), error);
  ASSERT_TRUE(loaded) << error;
  EXPECT_EQ(loaded->sha256_fingerprint(), first->sha256_fingerprint());

  const auto refused = [&](const char* cert, const char* key, const char* says) {
    error.clear();
    EXPECT_FALSE(DtlsCertificate::load_pem(path(cert), path(key), error));
    EXPECT_NE(error.find(says), std::string::npos) << error;
  };
  refused("none.pem", "a.key", "none.pem");
  refused("a.pem", "none.key", "none.key");
  refused("a.key", "a.key", "DTLS certificate");
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  refused("fifo", "a.key", "fifo': found a FIFO, allowed is a readable PEM file");
  refused("a.pem", "fifo", "fifo': found a FIFO, allowed is a readable PEM file");
  refused("b.pem", "a.key", "is not of the private key");
  refused("b.pem", "b.key", "DTLS private key");
  EVP_PKEY* rsa = EVP_RSA_gen(2048);
  FILE* file = std::fopen(path("rsa.key").c_str(), "w");
  PEM_write_PrivateKey(file, rsa, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  EVP_PKEY_free(rsa);
  refused("a.pem", "rsa.key", "found RSA 2048 bits, allowed is EC prime256v1");
}

TEST(DtlsContext, RefusesAnEmptyList) {
  std::string error;
  EXPECT_FALSE(DtlsContext::make(certificate(), {}, error));
  EXPECT_NE(error, "");
}

TEST(DtlsCertificate, KnowsWhenItEnds) {
  std::string error;
  const auto certificate = DtlsCertificate::self_made(error, std::chrono::hours(100));
  EXPECT_FALSE(certificate->ends_within(std::chrono::hours(99)));
  EXPECT_TRUE(certificate->ends_within(std::chrono::hours(101)));
  EXPECT_TRUE(certificate->is_self_made());
  const auto context = DtlsContext::make(certificate, crypto::kAllSrtpProfiles, error);
  const auto renewed = context->renewed(error);
  ASSERT_TRUE(renewed) << error;
  EXPECT_FALSE(renewed->certificate().ends_within(std::chrono::hours(24 * 364)));
  EXPECT_NE(renewed->certificate().sha256_fingerprint(), certificate->sha256_fingerprint());
}

}  // namespace
}  // namespace sluice::control
