// sluiced: the daemon. It sets up the configuration, crypto, the API's socket, the data plane, the sessions
// and the API, in this order, and ends them in reverse order. Everything here runs on the control thread.
// That thread becomes DPDK's main lcore and so is bound to [workers] control_core.

#include <openssl/rand.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include "config/load.h"
#include "config/settings.h"
#include "controlplane/api/api_views.h"
#include "controlplane/base/log.h"
#include "controlplane/daemon/crypto_choice.h"
#include "controlplane/daemon/event_loop.h"
#include "controlplane/daemon/reload.h"
#include "controlplane/daemon/shutdown.h"
#include "controlplane/daemon/signals.h"
#include "controlplane/daemon/versions.h"
#include "controlplane/protocol/dtls/dtls_certificate.h"
#include "controlplane/protocol/dtls/dtls_context.h"
#include "controlplane/server/api_access.h"
#include "controlplane/server/api_handlers.h"
#include "controlplane/server/api_server.h"
#include "controlplane/server/api_socket.h"
#include "controlplane/server/event_hub.h"
#include "controlplane/session/media_plane.h"
#include "controlplane/session/sessions.h"
#include "crypto/engine_factory.h"
#include "dataplane/worker/plane.h"

namespace {

using namespace sluice;
namespace log = control::log;

constexpr int kExitOk = 0;
constexpr int kExitFailure = 1;
constexpr int kExitConfiguration = 2;
constexpr int kExitUsage = 64;

constexpr const char* kDefaultConfig = "/etc/sluice/sluice.toml";
constexpr std::chrono::seconds kWorkerStopLimit{5};

void random_bytes(std::span<std::uint8_t> out) {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1)
    throw std::runtime_error("OpenSSL has no random bytes");
}

/// The configuration, or nullopt after printing every problem, one on each line.
std::optional<config::Config> load(const std::string& path) {
  auto loaded = config::load_file(path, config::Host::probe());
  if (auto* config = std::get_if<config::Config>(&loaded)) return std::move(*config);
  for (const auto& problem : std::get<std::vector<config::Problem>>(loaded))
    std::fprintf(stderr, "%s\n", config::to_string(problem).c_str());
  return std::nullopt;
}

/// What handshakes need. nullptr with the reason in `error`.
std::shared_ptr<const control::DtlsContext> make_dtls(const config::Dtls& settings,
                                                      std::span<const crypto::SrtpProfile> profiles,
                                                      std::string& error) {
  const bool is_self_made = settings.certificate.empty();
  const auto certificate =
      is_self_made ? control::DtlsCertificate::self_made(error)
                   : control::DtlsCertificate::load_pem(settings.certificate, settings.private_key, error);
  std::shared_ptr<const control::DtlsContext> context;
  if (certificate) context = control::DtlsContext::make(certificate, profiles, error);
  if (!context) error = "[dtls] cannot be set up: " + error;
  return context;
}

void log_event(const control::Event& event) {
  const bool is_failure = std::holds_alternative<control::EndpointFailed>(event.body);
  const auto fields = control::render_fields(event);
  log::at(is_failure ? config::LogLevel::kWarning : config::LogLevel::kDebug,
          "event type={} session={} endpoint={} route={} port={} fields={}", control::event_type(event),
          log::value(event.session), log::value(event.endpoint), log::value(event.route),
          log::value(event.port), log::value(fields.empty() ? "" : control::to_line(fields)));
}

/// The sessions and everything above them, over a running data plane. The parts call one another, so
/// callbacks use members that are constructed later; no callback runs before run().
class Service {
 public:
  /// All references outlive this object.
  Service(const config::Config& config, const std::string& path, const control::CryptoChoice& crypto,
          std::unique_ptr<crypto::SrtpEngine> engine, std::shared_ptr<const control::DtlsContext> dtls,
          control::ApiSocket& socket, const control::ApiAccess& access, control::Signals& signals,
          control::EventLoop& loop, dataplane::DataPlane& plane)
      : config_(config),
        crypto_(crypto),
        loop_(loop),
        plane_(plane),
        media_(control::make_media_plane(plane)),
        sessions_({.config = config,
                   .profiles = crypto.profiles,
                   .dtls = std::move(dtls),
                   .on_event =
                       [this](const control::Event& event) {
                         log_event(event);
                         hub_.publish(event);
                       },
                   .random = random_bytes},
                  *media_, std::move(engine)),
        handlers_({.sessions = sessions_,
                   .plane = *media_,
                   .versions = control::gather_versions(),
                   .engine = crypto.engine,
                   .profiles = crypto.profiles,
                   .on_shutdown = [this] { end_.begin("request"); }}),
        server_(loop.io(), socket.release_fd(),
                {.max_connections = config.api.connections,
                 .max_line_bytes = config.api.line_bytes,
                 .access = access,
                 .log = [](const std::string& line) { log::warning("{}", line); }},
                hub_,
                [this](const std::string& method, const control::Json& params, control::Answer answer) {
                  handlers_.handle(method, params, std::move(answer));
                }),
        end_(loop, sessions_, server_, {}),
        signals_(signals),
        signals_wait_(loop.io(), signals.fd()),
        reloading_(path, config, sessions_) {
    follow_signals();
  }

  ~Service() { signals_wait_.release(); }  // the descriptor is that of Signals
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Returns the exit code when everything has ended.
  int run() {
    say_ready();
    loop_.run({.poll = [this](auto now) { return sessions_.poll(now); },
               .tick = [this](auto now) { return sessions_.tick(now); }});
    return end_.is_clean() ? kExitOk : kExitFailure;
  }

 private:
  /// SIGTERM and SIGINT end the daemon; SIGHUP reloads its configuration.
  void follow_signals() {
    signals_wait_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                             [this](boost::system::error_code error) {
                               if (error) return;
                               while (const auto number = signals_.take()) on_signal(*number);
                               follow_signals();
                             });
  }

  void on_signal(int number) {
    if (number != SIGHUP) return end_.begin(number == SIGTERM ? "SIGTERM" : "SIGINT");
    if (end_.has_begun()) return log::info("SIGHUP ignored: the daemon is stopping");
    reloading_.reload();
  }

  void say_ready() const {
    for (std::size_t i = 0; i < plane_.port_count(); ++i) {
      const dataplane::PortInfo& port = plane_.port(i).info();
      log::info("port name={} driver={} queues={} transmit_queues={} steering={} remark={}", port.name,
                port.driver, port.queues, port.transmit_queues, dataplane::steering_mode_name(port.steering),
                log::value(plane_.port(i).steering().remark()));
    }
    log::info(
        "ready version={} engine={} library={} profiles={} ports={} workers={} huge_pages={} socket={} "
        "pid={}",
        SLUICE_VERSION, crypto::engine_name(crypto_.engine), log::value(crypto_.library),
        crypto_.profiles.size(), plane_.port_count(), plane_.worker_count(), plane_.eal().uses_huge_pages(),
        log::value(config_.api.socket), getpid());
  }

  const config::Config& config_;
  const control::CryptoChoice& crypto_;
  control::EventLoop& loop_;
  dataplane::DataPlane& plane_;
  control::EventHub hub_;
  std::unique_ptr<control::MediaPlane> media_;
  control::Sessions sessions_;
  control::ApiHandlers handlers_;
  control::ApiServer server_;
  control::ShutdownSequence end_;
  control::Signals& signals_;
  boost::asio::posix::stream_descriptor signals_wait_;
  control::ConfigReload reloading_;
};

/// Returns the exit code when everything has ended.
int serve(const config::Config& config, const std::string& path, const control::CryptoChoice& crypto,
          control::ApiSocket& socket, const control::ApiAccess& access, control::Signals& signals,
          std::shared_ptr<const control::DtlsContext> dtls, control::EventLoop& loop,
          dataplane::DataPlane& plane) {
  std::string error;
  auto engine = crypto::make_engine(crypto.engine, error);
  if (!engine) {
    log::error("crypto engine {} does not start: {}", crypto::engine_name(crypto.engine), error);
    return kExitFailure;
  }
  Service service(config, path, crypto, std::move(engine), std::move(dtls), socket, access, signals, loop,
                  plane);
  return service.run();
}

int run(const config::Config& config, const std::string& path, control::Signals& signals) {
  std::string error;
  if (!log::start(config.log, error)) {
    std::fprintf(stderr, "sluiced: %s\n", error.c_str());
    return kExitConfiguration;
  }
  control::StartWatch start(signals);
  log::info("starting version={} pid={}", SLUICE_VERSION, getpid());
  control::CryptoChoice crypto;
  if (!control::choose_crypto(config.crypto, crypto, error)) {
    log::error("refusing to start: {}", error);
    return kExitFailure;
  }
  for (const auto& warning : crypto.warnings) log::warning("{}", warning);
  const auto dtls = make_dtls(config.dtls, crypto.profiles, error);
  if (!dtls) {
    log::error("{}", error);
    return kExitConfiguration;
  }
  const auto access = control::ApiAccess::resolve(config.api, error);
  if (!access) {
    log::error("refusing to start: {}", error);
    return kExitConfiguration;
  }
  const auto socket = control::ApiSocket::claim(config.api, error, access->file_group());
  if (!socket) {
    log::error("refusing to start: {}", error);
    return kExitFailure;
  }

  dataplane::ControlWaker waker;
  control::EventLoop loop(waker);
  start.set_clean_up([path = socket->path()] {
    unlink(path.c_str());
    unlink((path + ".lock").c_str());
  });
  auto plane = dataplane::DataPlane::start(config, crypto.engine, waker, error);
  start.stop();
  if (!plane) {
    log::error("refusing to start: {}", error);
    return kExitFailure;
  }
  for (const auto& warning : plane->eal().warnings()) log::warning("{}", warning);

  const int code = serve(config, path, crypto, *socket, *access, signals, dtls, loop, *plane);
  if (!plane->stop(kWorkerStopLimit)) {
    log::error("a worker did not stop within {} s; ending without it", kWorkerStopLimit.count());
    unlink(config.api.socket.c_str());
    _exit(kExitFailure);  // the worker still uses the memory that a return would free
  }
  log::info("stopped code={}", code);
  return code;
}

/// Looks at what the configuration names, as a start would, and starts nothing. Returns the exit code.
int check_config(const config::Config& config, const std::string& path) {
  std::string error;
  if (!make_dtls(config.dtls, crypto::kAllSrtpProfiles, error) ||
      !control::ApiAccess::resolve(config.api, error)) {
    std::fprintf(stderr, "%s: %s\n", path.c_str(), error.c_str());
    return kExitConfiguration;
  }
  std::printf("%s: ok\n", path.c_str());
  return kExitOk;
}

struct CommandLine {
  std::string config = kDefaultConfig;
  std::string check_config;
  bool check = false, self_test = false, version = false, help_config = false;
};

int act(const CommandLine& line) {
  if (line.version) {
    std::fputs(control::to_text(control::gather_versions()).c_str(), stdout);
    return kExitOk;
  }
  if (line.help_config) {
    std::fputs(config::describe_settings().c_str(), stdout);
    return kExitOk;
  }
  if (line.self_test) {
    std::string table;
    const bool passed = control::self_test_table(table);
    std::fputs(table.c_str(), stdout);
    std::puts(passed ? "self-test passed" : "self-test FAILED");
    return passed ? kExitOk : kExitFailure;
  }
  const std::string& path = line.check_config.empty() ? line.config : line.check_config;
  if (line.check) {
    const auto config = load(path);
    return config ? check_config(*config, path) : kExitConfiguration;
  }
  control::Signals signals;
  const auto config = load(path);
  return config ? run(*config, path, signals) : kExitConfiguration;
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);  // a reader of the log or of --help-config may close the pipe
  CommandLine line;
  CLI::App app("sluiced: a media relay that terminates SRTP, rewrites RTP and fans it out, on DPDK cores",
               "sluiced");
  app.add_option("--config", line.config, "TOML file to run with")->capture_default_str()->type_name("FILE");
  auto* check = app.add_option("--check-config", line.check_config,
                               "say everything that is wrong with FILE, or with that of --config, and end")
                    ->expected(0, 1)
                    ->type_name("FILE");
  app.add_flag("--self-test", line.self_test, "try every SRTP profile on every engine, and end");
  app.add_flag("--version", line.version,
               "print the versions of sluice and of the libraries in use, and end");
  app.add_flag("--help-config", line.help_config, "list every configuration key, and end");
  app.footer(
      "Exit codes: 0 ended in order, 1 failure, 2 configuration error, 64 usage.\n"
      "SIGTERM and SIGINT end the daemon in order, SIGHUP has it read its configuration again. The API is "
      "described in docs/api.md; sluicectl speaks "
      "it.\n"
      "Example: sluiced --config sluice.example.toml");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  line.check = check->count() > 0;
  try {
    return act(line);
  } catch (const std::exception& error) {
    log::error("fatal: {}", error.what());
    return kExitFailure;
  }
}
