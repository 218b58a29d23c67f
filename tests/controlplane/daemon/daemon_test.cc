// sluiced and sluicectl as programs: command lines and exit codes, requests to a whole daemon without a NIC
// and without huge pages, and everything that keeps it from starting.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <set>

#include "controlplane/api/api.h"
#include "tests/controlplane/daemon/programs.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;
using namespace test;

TEST(SluicedCommandLine, SaysWhatItIsMadeOf) {
  const auto version = run({kSluiced, "--version"});
  EXPECT_EQ(version.code, 0);
  for (const char* part :
       {"sluice    " SLUICE_VERSION, "DPDK ", "OpenSSL 3", "libsrtp2  2.", "linked to ", "ipsec-mb  "})
    EXPECT_NE(version.output.find(part), std::string::npos) << part << " in " << version.output;
}

TEST(SluicedCommandLine, TestsEveryProfileOnEveryEngine) {
  const auto tested = run({kSluiced, "--self-test"});
  EXPECT_EQ(tested.code, 0) << tested.output;
  for (const char* part : {"ipsec_mb", "libsrtp", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM",
                           "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"})
    EXPECT_NE(tested.output.find(part), std::string::npos) << part << " in " << tested.output;
  EXPECT_TRUE(tested.output.ends_with("self-test passed\n")) << tested.output;
}

TEST(SluicedCommandLine, HelpsAndRefusesWhatItDoesNotKnow) {
  const auto help = run({kSluiced, "--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_NE(help.output.find("--check-config"), std::string::npos);
  const auto keys = run({kSluiced, "--help-config"});
  EXPECT_EQ(keys.code, 0);
  EXPECT_NE(keys.output.find("line_bytes"), std::string::npos);
  EXPECT_EQ(run({kSluiced, "--frobnicate"}).code, 64);
  EXPECT_EQ(run({kSluiced, "stray"}).code, 64);
}

TEST(SluicedCommandLine, ChecksAConfigurationWithoutStarting) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("sluice.toml");
  EXPECT_EQ(run({kSluiced, "--check-config", path}).code, 2);  // the file does not exist
  EXPECT_EQ(run({kSluiced, "--config", path}).code, 2);
  EXPECT_EQ(run({kSluiced, "--check-config", SLUICE_SOURCE_DIR "/sluice.example.toml"}).code,
            has_two_cpus() ? 0 : 2);

  write_file(path, "[[ports]]\ndevice = 7\n[api]\nconnections = 0\nfrob = 1\n");
  for (const auto& arguments : {std::vector<std::string>{kSluiced, "--check-config", path},
                                std::vector<std::string>{kSluiced, "--config", path, "--check-config"},
                                std::vector<std::string>{kSluiced, "--config", path}}) {
    const auto checked = run(arguments);
    EXPECT_EQ(checked.code, 2);
    for (const char* part : {":2:", "device", ":4:", "connections", "1..1024", ":5:", "frob"})
      EXPECT_NE(checked.output.find(part), std::string::npos) << part << " in " << checked.output;
  }
  write_file(path, "[[ports]\n");
  const auto broken = run({kSluiced, "--check-config", path});
  EXPECT_EQ(broken.code, 2);
  EXPECT_NE(broken.output.find(path + ":1:"), std::string::npos) << broken.output;
}

TEST(Sluiced, StartsAnswersAndEndsInOrder) {
  NEEDS_TWO_CPUS();
  Daemon daemon;
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  daemon.process().send_signal(SIGHUP);
  const auto version = daemon.ctl({"--json", "version"});
  ASSERT_EQ(version.code, 0) << version.output;
  const auto object = Json::parse(version.output);
  EXPECT_EQ(object["sluice"], SLUICE_VERSION);
  EXPECT_EQ(object["profiles"].size(), 4u);
  EXPECT_TRUE(object["libsrtp2"]["cryptoLibrary"].is_string());
  ASSERT_EQ(daemon.ctl({"session", "create", "call-1"}).code, 0);
  ASSERT_EQ(daemon.ctl({"endpoint", "create", "call-1", "--id", "a", "--kind", "webrtc"}).code, 0);

  RawClient follower(daemon.socket());
  follower.send_bytes(request("event.subscribe"));
  EXPECT_EQ(follower.answer()["result"]["subscribed"], true);
  daemon.process().send_signal(SIGTERM);
  daemon.process().send_signal(SIGTERM);  // a second signal changes nothing yet
  std::set<std::string> events;
  while (const auto line = follower.line()) {
    const auto params = Json::parse(*line)["params"];
    events.insert(params["type"].get<std::string>() + "/" + params.value("reason", ""));
  }
  EXPECT_TRUE(events.contains("endpoint.removed/shutdown"));
  EXPECT_TRUE(events.contains("session.removed/shutdown"));
  EXPECT_EQ(daemon.process().exit_code(), 0) << daemon.log();
  EXPECT_FALSE(std::filesystem::exists(daemon.socket()));
  EXPECT_NE(daemon.log().find("reloaded path="), std::string::npos) << daemon.log();
  EXPECT_NE(daemon.log().find("stopped code=0"), std::string::npos) << daemon.log();

  daemon.start();  // starts again with the same socket
  EXPECT_TRUE(daemon.is_ready()) << daemon.log();
  const auto stopping = daemon.ctl({"shutdown"});
  EXPECT_EQ(stopping.code, 0);
  EXPECT_EQ(daemon.process().exit_code(), 0) << daemon.log();
}

TEST(Sluiced, SixtyFourRacingCreatesMakeOne) {
  NEEDS_TWO_CPUS();
  Daemon daemon("connections = 128\n");
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  const auto race = [&](const std::string& method, const Json& params) {
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 64; ++i) clients.push_back(std::make_unique<RawClient>(daemon.socket()));
    std::vector<std::thread> threads;
    std::atomic<int> created{0}, found{0};
    std::atomic<bool> go{false};
    for (auto& client : clients)
      threads.emplace_back([&, c = client.get()] {
        while (!go) std::this_thread::yield();
        c->send_bytes(request(method, params));
        const Json answer = c->answer();
        if (!answer.contains("result")) return;
        ++(answer["result"]["created"] == true ? created : found);
      });
    go = true;
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(created, 1) << method;
    EXPECT_EQ(found, 63) << method;
  };
  race("session.create", {{"id", "s"}});
  race("endpoint.create", {{"session", "s"}, {"id", "a"}, {"kind", "rtp"}});
  race("endpoint.create", {{"session", "s"}, {"id", "b"}, {"kind", "webrtc"}});
  race("route.create",
       {{"session", "s"}, {"id", "r"}, {"from", {{"endpoint", "a"}}}, {"to", "b"}, {"clockRate", 48000}});
  const auto ports = Json::parse(daemon.ctl({"--json", "port", "list"}).output);
  EXPECT_EQ(ports["media"]["allocated"], 3);  // RTP and RTCP of one endpoint, the muxed port of the other
}

TEST(Sluiced, TenThousandRequestsInOneWrite) {
  NEEDS_TWO_CPUS();
  Daemon daemon("", "[limits]\nsessions = 1000\n");
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  RawClient client(daemon.socket());
  std::string all;
  for (int i = 0; i < 10000; ++i) all += request("session.create", {{"id", "s" + std::to_string(i / 2)}}, i);
  std::thread writer([&] { EXPECT_TRUE(client.send_bytes(all)); });
  int created = 0, found = 0, over = 0;
  for (int i = 0; i < 10000; ++i) {
    const Json answer = client.answer();
    ASSERT_EQ(answer["id"], i);
    if (answer.contains("error")) {
      EXPECT_EQ(answer["error"]["code"], kErrorLimit);
      ++over;
    } else {
      ++(answer["result"]["created"] == true ? created : found);
    }
  }
  writer.join();
  EXPECT_EQ(created, 1000);
  EXPECT_EQ(found, 1000);
  EXPECT_EQ(over, 8000);
  std::string removals;
  for (int i = 0; i < 1000; ++i) removals += request("session.remove", {{"id", "s" + std::to_string(i)}}, i);
  client.send_bytes(removals);
  for (int i = 0; i < 1000; ++i) {
    const Json answer = client.answer();
    ASSERT_EQ(answer["id"], i);
    ASSERT_EQ(answer["result"]["removed"], true);
  }
  client.send_bytes(request("session.list"));
  EXPECT_EQ(client.answer()["result"]["sessions"].size(), 0u);
}

TEST(Sluiced, BadInputLosesNothing) {
  NEEDS_TWO_CPUS();
  Daemon daemon("line_bytes = 4096\n");
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  ASSERT_EQ(daemon.ctl({"session", "create", "kept"}).code, 0);
  for (const std::string& bad :
       {std::string("garbage\n"), std::string(100000, 'a'), std::string(4000, '[') + "\n",
        std::string(100, '\0') + "\n", request("no.such.method"), request("session.remove", {{"id", 7}}),
        request("session.remove", Json::array({"kept"})),
        request("session.remove", {{"id", "kept"}}).substr(0, 40),
        std::string("{\"jsonrpc\":\"2.0\",\"id\":1}\n")}) {
    RawClient client(daemon.socket());
    client.send_bytes(bad);
    if (bad.ends_with('\n') || bad.size() > 4096) {
      EXPECT_TRUE(client.answer().contains("error")) << bad.substr(0, 60);
    }
  }
  const auto sessions = Json::parse(daemon.ctl({"--json", "session", "list"}).output);
  ASSERT_EQ(sessions["sessions"].size(), 1u);
  EXPECT_EQ(sessions["sessions"][0]["id"], "kept");
  EXPECT_TRUE(daemon.is_ready()) << daemon.log();
}

TEST(Sluiced, SluicectlHasExitCodesThatMeanSomething) {
  NEEDS_TWO_CPUS();
  Daemon daemon;
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  EXPECT_EQ(daemon.ctl({"session", "create", "call-1"}).code, 0);
  const auto unknown = daemon.ctl({"session", "get", "nope"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_NE(unknown.output.find("-32001"), std::string::npos) << unknown.output;
  EXPECT_EQ(daemon.ctl({"call", "no.such"}).code, 1);
  EXPECT_EQ(daemon.ctl({"call", "session.create", "{\"id\":\"call-2\"}"}).code, 0);
  EXPECT_EQ(daemon.ctl({"session", "get"}).code, 64);
  EXPECT_EQ(daemon.ctl({"session", "get", "a b"}).code, 64);
  EXPECT_EQ(daemon.ctl({"endpoint", "create", "call-1", "--kind", "rtp", "--dscp", "64"}).code, 64);
  EXPECT_EQ(daemon.ctl({"frobnicate"}).code, 64);
  EXPECT_EQ(daemon.ctl({"call", "version", "{"}).code, 64);
  const auto absent = run({kSluicectl, "--socket", daemon.socket() + "x", "version"});
  EXPECT_EQ(absent.code, 2);
  EXPECT_NE(absent.output.find(daemon.socket() + "x"), std::string::npos);

  const auto conflict = daemon.ctl({"endpoint", "create", "call-1", "--id", "e", "--kind", "rtp"});
  EXPECT_EQ(conflict.code, 0) << conflict.output;
  RawClient client(daemon.socket());
  client.send_bytes(request("endpoint.create", {{"session", "call-1"}, {"id", "e"}, {"kind", "webrtc"}}));
  const Json answer = client.answer();
  EXPECT_EQ(answer["error"]["code"], kErrorConflict);
  EXPECT_EQ(answer["error"]["data"]["existing"]["kind"], "rtp");
  EXPECT_TRUE(answer["error"]["data"]["existing"]["local"]["rtpPort"].is_number());
}

TEST(Sluiced, SluicectlWatches) {
  NEEDS_TWO_CPUS();
  Daemon daemon;
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  const TemporaryDirectory directory;
  Process watcher({kSluicectl, "--socket", daemon.socket(), "session", "list", "--json", "--watch", "0.1"},
                  directory.file("out"));
  const auto wait_for = [&](const std::string& text) {
    for (int i = 0; i < 1000 && watcher.output().find(text) == std::string::npos; ++i)
      std::this_thread::sleep_for(10ms);
    EXPECT_NE(watcher.output().find(text), std::string::npos) << watcher.output();
  };
  wait_for("{\"sessions\":[]}\n{\"sessions\":[]}\n");
  ASSERT_EQ(daemon.ctl({"session", "create", "seen"}).code, 0);
  wait_for("\"seen\"");
  EXPECT_TRUE(watcher.is_running());
  EXPECT_EQ(daemon.ctl({"shutdown"}).code, 0);
  EXPECT_EQ(daemon.process().exit_code(), 0);
  wait_for("waiting for the daemon\n");
  daemon.start();
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  ASSERT_EQ(daemon.ctl({"session", "create", "after"}).code, 0);
  wait_for("\"after\"");
}

TEST(Sluiced, ListsAreReadToTheirEnd) {
  NEEDS_TWO_CPUS();
  Daemon daemon;
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  constexpr std::size_t kCount = 730;
  RawClient client(daemon.socket());
  std::string all;
  for (std::size_t i = 0; i < kCount; ++i)
    all += "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.create\",\"params\":{\"id\":\"s" +
           std::to_string(10000 + i) + "\"}}\n";
  client.send_bytes(all);
  for (std::size_t i = 0; i < kCount; ++i) ASSERT_EQ(client.answer()["result"]["created"], true);
  const auto page = Json::parse(daemon.ctl({"--json", "call", "session.list"}).output);
  EXPECT_EQ(page["sessions"].size(), 100u);
  EXPECT_EQ(page["nextCursor"], "s10099");
  const auto whole = Json::parse(daemon.ctl({"--json", "session", "list"}).output);
  EXPECT_EQ(whole["sessions"].size(), kCount);
  EXPECT_EQ(whole["sessions"].back()["id"], "s10729");
  EXPECT_FALSE(whole.contains("nextCursor"));
  const auto part = Json::parse(daemon.ctl({"--json", "session", "list", "--limit", "601"}).output);
  EXPECT_EQ(part["sessions"].size(), 601u);
  EXPECT_EQ(part["nextCursor"], "s10600");
  const auto rest =
      Json::parse(daemon.ctl({"--json", "sessions", "--limit", "601", "--cursor", "s10600"}).output);
  EXPECT_EQ(rest["sessions"].size(), kCount - 601);
  EXPECT_EQ(daemon.ctl({"session", "list", "--count"}).output, "730\n");
  EXPECT_EQ(daemon.ctl({"session", "list", "--count", "--prefix", "s1070"}).output, "10\n");
  const auto table = daemon.ctl({"session", "list", "--limit", "3"}).output;
  EXPECT_TRUE(table.ends_with("more follow: --cursor s10002\n")) << table;
  EXPECT_EQ(daemon.ctl({"session", "list", "--limit", "0"}).code, 64);
}

TEST(Sluiced, EveryExampleOfSluicectlWorks) {
  NEEDS_TWO_CPUS();
  Daemon daemon;
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  ASSERT_EQ(daemon.ctl({"session", "create", "call-1"}).code, 0);
  for (const char* id : {"bob", "carol"})
    ASSERT_EQ(daemon.ctl({"endpoint", "create", "call-1", "--id", id, "--kind", "rtp"}).code, 0);
  const auto try_example = [&](const std::string& name) {
    std::vector<std::string> words;
    std::istringstream example{std::string(find_method(name)->example)};
    for (std::string word; example >> word;) {
      if (word == "--watch") {
        example >> word;
        continue;
      }
      words.push_back(word);
    }
    const auto ran = daemon.ctl(words);
    EXPECT_EQ(ran.code, 0) << find_method(name)->example << ": " << ran.output;
    EXPECT_FALSE(ran.output.empty()) << name;
  };
  std::set<std::string> tried{"event.subscribe"};
  for (const char* name :
       {"version",        "session.create", "endpoint.create", "endpoint.connect", "route.create",
        "route.switch",   "session.renew",  "session.list",    "session.get",      "endpoint.list",
        "endpoint.get",   "route.list",     "route.get",       "stream.list",      "port.list",
        "worker.list",    "drop.list",      "neighbor.list",   "route.remove",     "endpoint.remove",
        "session.remove", "shutdown"}) {
    try_example(name);
    tried.insert(name);
  }
  EXPECT_EQ(tried.size(), methods().size());
  EXPECT_EQ(daemon.process().exit_code(), 0);
}

TEST(Sluiced, EventsAreFollowedAndTheLogHoldsNoKeys) {
  NEEDS_TWO_CPUS();
  const std::string key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==";
  TemporaryDirectory directory;
  Daemon daemon;
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  Process follower({kSluicectl, "--socket", daemon.socket(), "--json", "events"}, directory.file("events"));
  std::this_thread::sleep_for(300ms);
  ASSERT_EQ(daemon.ctl({"session", "create", "s"}).code, 0);
  const auto made =
      daemon.ctl({"--json", "endpoint", "create", "s", "--id", "e", "--kind", "sdes", "--receive-key", key});
  ASSERT_EQ(made.code, 0) << made.output;
  const auto endpoint = Json::parse(made.output);
  EXPECT_EQ(endpoint["crypto"]["receiveKey"], key);
  const auto send_key = endpoint["crypto"]["sendKey"].get<std::string>();
  const auto webrtc =
      Json::parse(daemon.ctl({"--json", "endpoint", "create", "s", "--id", "w", "--kind", "webrtc"}).output);
  const auto password = webrtc["ice"]["password"].get<std::string>();
  ASSERT_EQ(daemon.ctl({"endpoint", "create", "s", "--id", "e", "--kind", "rtp"}).code, 1);  // conflict
  ASSERT_EQ(daemon.ctl({"endpoint", "remove", "s", "e"}).code, 0);
  for (int i = 0; i < 200 && follower.output().find("endpoint.removed") == std::string::npos; ++i)
    std::this_thread::sleep_for(10ms);
  std::istringstream lines(follower.output());
  std::vector<std::string> types;
  for (std::string line; std::getline(lines, line);) types.push_back(Json::parse(line)["type"]);
  EXPECT_EQ(types, (std::vector<std::string>{"session.created", "endpoint.created", "endpoint.created",
                                             "endpoint.removed"}));
  EXPECT_EQ(daemon.ctl({"shutdown"}).code, 0);
  EXPECT_EQ(follower.exit_code(), 2);  // the daemon has gone, and the last line says so
  EXPECT_TRUE(follower.output().ends_with("sluicectl: events end here: the daemon closed the connection\n"))
      << follower.output();
  EXPECT_EQ(daemon.process().exit_code(), 0);
  for (const auto& secret : {key, send_key, password}) {
    EXPECT_GT(secret.size(), 20u);
    EXPECT_EQ(daemon.log().find(secret.substr(0, 20)), std::string::npos) << daemon.log();
    EXPECT_EQ(follower.output().find(secret.substr(0, 20)), std::string::npos);
  }
}

TEST(Sluiced, ASecondDaemonOnOneSocketIsRefused) {
  NEEDS_TWO_CPUS();
  Daemon daemon;
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  const auto second = run({kSluiced, "--config", daemon.config()});
  EXPECT_EQ(second.code, 1);
  EXPECT_NE(second.output.find(daemon.socket() + " is in use"), std::string::npos) << second.output;
  EXPECT_NE(second.output.find("(pid " + std::to_string(daemon.process().pid()) + "), which holds " +
                               daemon.socket() + ".lock"),
            std::string::npos)
      << second.output;
  EXPECT_EQ(daemon.ctl({"version"}).code, 0);

  daemon.process().send_signal(SIGKILL);  // leaves the socket's file behind
  EXPECT_EQ(daemon.process().exit_code(), 128 + SIGKILL);
  EXPECT_TRUE(std::filesystem::exists(daemon.socket()));
  daemon.start();
  EXPECT_TRUE(daemon.is_ready()) << daemon.log();
}

TEST(Sluiced, TheControlThreadStaysOnItsCore) {
  NEEDS_TWO_CPUS();
  Daemon daemon;
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  const auto status = test::read_file("/proc/" + std::to_string(daemon.process().pid()) + "/status");
  const std::string wanted = "Cpus_allowed_list:\t" + std::to_string(config::Host::probe().cpus.at(0)) + "\n";
  EXPECT_NE(status.find(wanted), std::string::npos) << status;
}

TEST(Sluiced, MissingHugePagesAreNamed) {
  NEEDS_TWO_CPUS();
  const TemporaryDirectory directory;
  auto text = configuration(directory.path());
  text.replace(text.find("\"never\"\nsize_mib = 128"), 22, "\"require\"\nsize_mib = 262144");
  write_file(directory.file("sluice.toml"), text);
  const auto ran = run({kSluiced, "--config", directory.file("sluice.toml")});
  EXPECT_EQ(ran.code, 1);
  for (const char* part : {"huge_pages", "262144", "nr_hugepages"})
    EXPECT_NE(ran.output.find(part), std::string::npos) << ran.output;
  EXPECT_FALSE(std::filesystem::exists(directory.file("run/sluice.sock")));
}

TEST(Sluiced, AMissingDeviceIsNamed) {
  NEEDS_TWO_CPUS();
  const TemporaryDirectory directory;
  auto text = configuration(directory.path());
  text.replace(text.find(kDevice), kDevice.size(), "net_af_packet0,iface=nosuchif");
  write_file(directory.file("sluice.toml"), text);
  const auto ran = run({kSluiced, "--config", directory.file("sluice.toml")});
  EXPECT_EQ(ran.code, 1) << ran.output;
  EXPECT_NE(ran.output.find("refusing to start"), std::string::npos) << ran.output;
  EXPECT_NE(ran.output.find("net_af_packet0"), std::string::npos) << ran.output;
}

/// Writes a certificate and its key by the openssl program; `kind` is what `openssl req -newkey` takes.
void make_certificate(const TemporaryDirectory& directory, const std::string& name,
                      const std::vector<std::string>& kind) {
  std::vector<std::string> command{"openssl", "req", "-x509", "-nodes", "-subj", "/CN=t", "-newkey"};
  command.insert(command.end(), kind.begin(), kind.end());
  command.insert(command.end(), {"-keyout", directory.file(name + ".key"), "-out", directory.file(name)});
  const auto made = run(command);
  ASSERT_EQ(made.code, 0) << made.output;
}

TEST(Sluiced, ChecksCertificatesAsTheStartDoes) {
  NEEDS_TWO_CPUS();
  const TemporaryDirectory directory;
  const std::string curve = "ec_paramgen_curve:";
  make_certificate(directory, "p256", {"ec", "-pkeyopt", curve + "prime256v1"});
  make_certificate(directory, "other", {"ec", "-pkeyopt", curve + "prime256v1"});
  make_certificate(directory, "p384", {"ec", "-pkeyopt", curve + "secp384r1"});
  make_certificate(directory, "rsa", {"rsa:2048"});
  write_file(directory.file("text"), "no certificate");
  struct Case {
    const char* certificate;
    const char* key;
    const char* says;
  };
  const std::string path = directory.file("sluice.toml");
  const auto configure = [&](const Case& each) {
    write_file(path, configuration(directory.path(), "",
                                   "[dtls]\ncertificate = \"" + directory.file(each.certificate) +
                                       "\"\nprivate_key = \"" + directory.file(each.key) + "\"\n"));
  };
  for (const Case& each : std::vector<Case>{
           {"text", "p256.key", "text': "},
           {"absent", "p256.key", "absent': "},
           {"p256", "absent", "absent': "},
           {"rsa", "rsa.key", "rsa.key': found RSA 2048 bits, allowed is EC prime256v1 (P-256)"},
           {"p384", "p384.key", "p384.key': found EC secp384r1, allowed is EC prime256v1 (P-256)"},
           {"p256", "other.key", "is not of the private key"}}) {
    SCOPED_TRACE(std::string(each.certificate) + " with " + each.key);
    configure(each);
    const auto started = run({kSluiced, "--config", path});
    const auto checked = run({kSluiced, "--check-config", path});
    EXPECT_EQ(started.code, 2) << started.output;
    EXPECT_EQ(checked.code, 2) << checked.output;
    EXPECT_NE(checked.output.find(each.says), std::string::npos) << checked.output;
    ASSERT_TRUE(checked.output.starts_with(path + ": [dtls] ")) << checked.output;
    const auto message = checked.output.substr(path.size() + 2);  // one line, and the same as the start's
    EXPECT_NE(started.output.find(message), std::string::npos) << started.output << message;
  }
  configure({"p256", "p256.key", ""});
  const auto good = run({kSluiced, "--check-config", path});
  EXPECT_EQ(good.code, 0) << good.output;
  EXPECT_EQ(good.output, path + ": ok\n");
}

TEST(Sluiced, AReloadFromAFifoIsRefusedAndTheDaemonStillAnswers) {
  NEEDS_TWO_CPUS();
  Daemon daemon;
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  std::filesystem::remove(daemon.config());
  ASSERT_EQ(mkfifo(daemon.config().c_str(), 0600), 0);
  daemon.process().send_signal(SIGHUP);
  for (int i = 0; i < 1000 && daemon.log().find("reload refused") == std::string::npos; ++i)
    std::this_thread::sleep_for(10ms);
  EXPECT_NE(daemon.log().find(daemon.config() + ": file: found a FIFO;"), std::string::npos) << daemon.log();
  EXPECT_EQ(daemon.ctl({"version"}).code, 0);
  const auto checked = run({kSluiced, "--check-config", daemon.config()});
  EXPECT_EQ(checked.code, 2) << checked.output;
}

TEST(Sluiced, WithoutRootItSaysWhatItMayNot) {
  NEEDS_TWO_CPUS();
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  const TemporaryDirectory directory;
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  std::filesystem::copy_file(kSluiced,
                             directory.file("sluiced"));  // other users may have no access to the build
  auto text = configuration(directory.path());
  const std::string config = directory.file("sluice.toml");
  write_file(config, text);
  const std::vector<std::string> as_other_user{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
  auto command = as_other_user;
  command.insert(command.end(), {directory.file("sluiced"), "--config", config});
  const auto no_directory = run(command);  // this user may not make the socket's folder
  EXPECT_EQ(no_directory.code, 1);
  EXPECT_NE(no_directory.output.find(directory.file("run")), std::string::npos) << no_directory.output;
  EXPECT_NE(no_directory.output.find("Permission denied"), std::string::npos) << no_directory.output;
  EXPECT_NE(no_directory.output.find("root"), std::string::npos) << no_directory.output;

  std::filesystem::create_directory(directory.file("run"));
  ASSERT_EQ(chown(directory.file("run").c_str(), 65534, 65534), 0);
  text.replace(text.find(kDevice), kDevice.size(), "net_tap0,iface=sluicetest0");
  write_file(config, text);
  const auto no_device = run(command);
  EXPECT_EQ(no_device.code, 1) << no_device.output;
  EXPECT_NE(no_device.output.find("root"), std::string::npos) << no_device.output;
  EXPECT_FALSE(std::filesystem::exists(directory.file("run/sluice.sock")));
}

}  // namespace
}  // namespace sluice::control
