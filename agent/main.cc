// driftwood-agent: serves datasets of the stores beside it to coordinators.
//
// The main thread waits for signals and for the end of stdin, and ends expired snapshots; gRPC's
// threads serve. Exit codes: 0 ended by a signal or the end of stdin, 2 anything wrong at start.
// With --list-tables it only lists what a database has.
#include <malloc.h>
#include <poll.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "agent/serve/agent_config.h"
#include "agent/serve/digest_key_file.h"
#include "agent/serve/grpc_server.h"
#include "agent/serve/listen_address.h"
#include "agent/serve/service.h"
#include "agent/source/idle_connections.h"
#include "agent/source/load_gate.h"
#include "agent/source/messages.h"
#include "agent/source/pacer.h"
#include "agent/source/store_options.h"
#include "agent/stores/open_store.h"
#include "merkle/os/private_path.h"
#include "merkle/os/temporary_folder.h"
#include "merkle/status_macros.h"
#include "merkle/text/man_page.h"
#include "merkle/text/names.h"
#include "merkle/text/redaction.h"
#include "merkle/text/store_password.h"
#include "proto/contract/reading_options.h"
#include "proto/contract/standard_input.h"
#include "proto/contract/store_url.h"
#include "proto/contract/token.h"

namespace driftwood::agent {
namespace {

constexpr int kExitOk = 0;
constexpr int kExitError = 2;
constexpr std::chrono::milliseconds kSweepEvery{1'000};
constexpr std::chrono::milliseconds kShutdownGrace{500};
constexpr size_t kSnapshotsOfAllTables = 128;

struct Options : AgentOptions {
  std::string config_file;
  std::string list_tables;  // URL; empty: serve
  bool stores = false;      // print the kinds of stores
  int input_fd = -1;
  bool exit_on_stdin_eof = false;
  bool temporary_state = false;
};

void DefineOptions(CLI::App* app, Options* options) {
  auto* listen = app->add_option("--listen", options->listen,
                                 "unix:PATH or HOST:PORT; port 0 takes a free one")
                     ->type_name("ADDRESS");
  auto* dataset =
      app->add_option(
             "--dataset", options->datasets,
             "a dataset and the URL of its store, as in orders=sqlite:shop.db?table=orders; "
             "may be given more than once")
          ->type_name("NAME=URL")
          ->allow_extra_args(false);
  auto* database =
      app->add_option("--database", options->databases,
                      "a database, and its URL without a table, as in shop=sqlite:shop.db: each of "
                      "its tables is a dataset; may be given more than once")
          ->type_name("NAME=URL")
          ->allow_extra_args(false);
  app->add_option("--config", options->config_file,
                  "a file with what to serve and how; what is typed counts more")
      ->type_name("FILE");
  app->add_option("--list-tables", options->list_tables,
                  "list the tables of a database as JSON Lines, and end")
      ->type_name("URL")
      ->excludes(listen)
      ->excludes(dataset)
      ->excludes(database);
  app->add_flag("--stores", options->stores,
                "list the kinds of stores that this agent can read as JSON, and end")
      ->excludes(listen)
      ->excludes(dataset)
      ->excludes(database);
  app->add_option("--state-dir", options->state_dir,
                  "keep indexes and the digest key here (default: a temporary directory)")
      ->type_name("DIR");
  auto* key = app->add_option("--digest-key-file", options->digest_key_file,
                              "32 bytes or 64 hexadecimal digits, the same at all agents of a "
                              "dataset (default: digest.key in the state directory)")
                  ->type_name("FILE");
  app->add_option(
         "--token-file", options->token_file,
         "answer only those who show the token in this file (16 to 256 characters); needed "
         "for HOST:PORT")
      ->type_name("FILE");
  app->add_flag("--unkeyed", options->unkeyed,
                "no digest key: finds every accident, but not records made up to cancel out")
      ->excludes(key);
  for (const ReadingOption& option : kReadingOptions) {
    app->add_option(option.name, options->reading.*option.value, option.help)
        ->type_name(option.value_name);
  }
  app->add_flag("--resume", options->resume,
                "let such a scan go on where it was, if its store can: what it reads is then not a "
                "consistent snapshot");
  app->add_flag("--allow-values", options->allow_values,
                "let coordinators read the values of records");
  app->add_option("--input-fd", options->input_fd,
                  "the descriptor that - stands for in a URL, as in csv:- (default: stdin)")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  app->add_flag("--exit-on-stdin-eof", options->exit_on_stdin_eof,
                "end when stdin closes, and log errors only (for a parent process)");
  app->add_flag("--temporary-state", options->temporary_state,
                "the state directory is removed when this agent has ended: don't wait until the "
                "disk has what is in it (for a parent process)");
  app->add_flag("--insecure", options->insecure,
                "listen on HOST:PORT without a token, or where other machines reach it, without "
                "encryption");
  app->add_flag("--verbose", options->verbose, "log more");
}

absl::StatusOr<merkle::DigestKey> ChooseKey(const Options& options,
                                            const std::filesystem::path& state_dir) {
  if (options.unkeyed) return merkle::DigestKey::Unkeyed();
  if (!options.digest_key_file.empty()) return ReadDigestKeyFile(options.digest_key_file);
  return ReadOrCreateDigestKeyFile(state_dir / "digest.key");
}

absl::StatusOr<ListenAddress> ChooseAddress(const Options& options) {
  ASSIGN_OR_RETURN(const ListenAddress address, ListenAddress::Parse(options.listen));
  if (!address.IsLocal() && !options.insecure) {
    return absl::InvalidArgumentError(
        "other machines could reach " + address.ToString() +
        ", and this version has no TLS: listen on 127.0.0.1 or unix:PATH and tunnel to it, or say "
        "--insecure");
  }
  if (!address.is_unix() && options.token_file.empty() && !options.insecure) {
    return absl::InvalidArgumentError(
        "every user of this machine could reach " + address.ToString() +
        ": listen on unix:PATH, or give --token-file FILE (make one with: umask 077; openssl rand "
        "-hex 32 >FILE) and name it on the other side, as in "
        "agent:HOST:PORT/DATASET?token_file=FILE, or say --insecure");
  }
  return address;
}

absl::StatusOr<StoreOptions> MakeStoreOptions(const Options& options) {
  StoreOptions result;
  if (!options.reading.connections.empty()) {
    ASSIGN_OR_RETURN(result.connections, ParseConnections(options.reading.connections));
  }
  if (!options.reading.statement_timeout.empty()) {
    ASSIGN_OR_RETURN(result.statement_timeout, ParseTime(options.reading.statement_timeout));
  }
  result.standard_input = options.input_fd;
  // Whoever has started this agent for one run reads many tables, and is soon done. Else a server
  // would see connections that nobody needs, and could not drop a database.
  if (options.exit_on_stdin_eof) result.idle = std::make_shared<IdleConnections>();
  // With a parent at its other end, stdin says only that the parent is there.
  if (options.input_fd < 0 && !options.exit_on_stdin_eof) result.standard_input = STDIN_FILENO;
  // The parent shows its user what is on stderr and is no log line.
  result.log = [to_parent = options.exit_on_stdin_eof](const std::string& line) {
    if (to_parent) {
      std::cerr << EscapeForDisplay(line) + "\n";
    } else {
      spdlog::info("{}", EscapeForDisplay(line));
    }
  };
  return result;
}

// How to read stores.
struct Gentleness {
  StoreOptions store;
  std::shared_ptr<Pacer> pacer;  // null without a limit
  std::vector<std::chrono::milliseconds> retry_after;
  std::optional<LoadGateOptions> load_gate;
};

absl::StatusOr<Gentleness> MakeGentleness(const Options& options) {
  Gentleness result;
  ASSIGN_OR_RETURN(result.store, MakeStoreOptions(options));
  if (!options.reading.max_rate.empty()) {
    ASSIGN_OR_RETURN(const Rate rate, ParseRate(options.reading.max_rate));
    result.pacer = std::make_shared<Pacer>(rate);
  }
  ASSIGN_OR_RETURN(result.retry_after, ParseRetries(options.reading.retries));
  if (!options.reading.max_load.empty()) {
    ASSIGN_OR_RETURN(result.load_gate.emplace().limits, ParseLoadLimits(options.reading.max_load));
  }
  return result;
}

absl::StatusOr<std::unique_ptr<Store>> OpenGently(const StoreUrl& url,
                                                  const Gentleness& gentleness) {
  ASSIGN_OR_RETURN(std::unique_ptr<Store> store, OpenStore(url, gentleness.store));
  if (gentleness.pacer != nullptr) store = MakePacedStore(std::move(store), gentleness.pacer);
  return store;
}

// NAME and URL of what `option` was given.
absl::StatusOr<std::pair<std::string, std::string>> NameAndUrl(const char* option,
                                                               const std::string& given) {
  const size_t equals = given.find('=');
  if (equals != std::string::npos && given.find(':') > equals) {
    return std::pair(given.substr(0, equals), given.substr(equals + 1));
  }
  return absl::InvalidArgumentError(std::string(option) + " '" + merkle::Redacted(given) +
                                    "': expected NAME=URL");
}

absl::Status AddDatasets(const Options& options, const Gentleness& gentleness, Service* service) {
  std::string reads_input;  // the dataset that does
  for (const std::string& dataset : options.datasets) {
    ASSIGN_OR_RETURN(const auto given, NameAndUrl("--dataset", dataset));
    const auto& [name, url] = given;
    ASSIGN_OR_RETURN(const StoreUrl parsed, StoreUrl::Parse(url));
    if (IsStandardInput(parsed.path)) {
      if (!reads_input.empty()) {
        return absl::InvalidArgumentError("two datasets can't both read stdin: " + reads_input +
                                          " and " + name);
      }
      reads_input = name;
    }
    ASSIGN_OR_RETURN(std::unique_ptr<Store> store, OpenGently(parsed, gentleness));
    // Not Redacted(), by which two stores may look the same: by this a kept index is found again.
    RETURN_IF_ERROR(service->AddDataset(name, merkle::TakePassword(url).url, std::move(store)));
  }
  return absl::OkStatus();
}

// `gentleness` outlives the service.
absl::Status AddDatabases(const Options& options, const Gentleness& gentleness, Service* service) {
  for (const std::string& database : options.databases) {
    ASSIGN_OR_RETURN(const auto given, NameAndUrl("--database", database));
    ASSIGN_OR_RETURN(const StoreUrl parsed, StoreUrl::Parse(given.second));
    RETURN_IF_ERROR(CheckIsDatabase(parsed));
    DatabaseSource source;
    source.list = [parsed, &gentleness](const std::stop_token& stop) {
      return ListTables(parsed, gentleness.store, stop);
    };
    source.open = [password = parsed.password, &gentleness](StoreUrl table) {
      table.password = password;  // a list has none
      return OpenGently(table, gentleness);
    };
    RETURN_IF_ERROR(service->AddDatabase(given.first, std::move(source)));
  }
  return absl::OkStatus();
}

uint64_t RandomId() {
  std::random_device random;
  return (uint64_t{random()} << 32) | random();
}

absl::StatusOr<std::filesystem::path> MakeStateDir(const std::string& given) {
  if (merkle::IsUrlWithSecret(given)) {
    return absl::InvalidArgumentError("--state-dir needs a directory, not the store URL '" +
                                      merkle::Redacted(given) + "'");
  }
  std::error_code error;
  std::filesystem::create_directories(given, error);
  if (error) {
    return absl::FailedPreconditionError("can't create the state directory " + given + ": " +
                                         error.message());
  }
  // What lies in it is believed.
  RETURN_IF_ERROR(merkle::CheckOwned(given, "state directory"));
  return std::filesystem::path(given);
}

// Blocks the signals that end the agent and returns a descriptor that reads them. Before any
// thread starts, since each inherits the mask.
absl::StatusOr<int> TakeSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  if (pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) {
    return absl::InternalError("can't block signals");
  }
  const int descriptor = ::signalfd(-1, &signals, SFD_CLOEXEC);
  if (descriptor < 0) return absl::InternalError("can't take signals");
  return descriptor;
}

// True at the end of stdin.
bool StdinEnded() {
  char buffer[256];
  const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
  return got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN);
}

absl::StatusOr<std::string> SourceOf(const std::string& dataset, Service* service) {
  CallControl control;
  ASSIGN_OR_RETURN(const DatasetDescription description, service->Describe(dataset, &control));
  return description.source;
}

absl::StatusOr<std::string> TablesOf(const std::string& database, Service* service) {
  CallControl control;
  ASSIGN_OR_RETURN(const TableList list, service->ListTables(database, &control));
  const auto count = std::count_if(list.tables.begin(), list.tables.end(),
                                   [](const TableEntry& table) { return table.is_table; });
  std::string text = Plural(static_cast<uint64_t>(count), "table", "tables") + " of " + list.source;
  for (const std::string& warning : list.warnings) text += "; " + warning;
  return text;
}

// Says of each dataset and database whether it can be opened now. It is served all the same: what
// is not there yet may come.
void SayWhatIsServed(const std::stop_token& stop, const Options& options,
                     const merkle::Secrets& secrets, Service* service) {
  const auto say = [&](const std::string& name, const absl::StatusOr<std::string>& what) {
    if (stop.stop_requested()) return;
    if (what.ok()) {
      spdlog::info("{}: {}", name, EscapeForDisplay(secrets.Hide(*what)));
    } else {
      spdlog::warn("{} can't be opened: {}", name,
                   EscapeForDisplay(secrets.Hide(std::string(what.status().message()))));
    }
  };
  for (const std::string& dataset : options.datasets) {
    const std::string name = dataset.substr(0, dataset.find('='));
    say(name, SourceOf(name, service));
  }
  for (const std::string& database : options.databases) {
    const std::string name = database.substr(0, database.find('='));
    say(name, TablesOf(name, service));
  }
}

// Returns when the agent is to end.
void WaitForEnd(int signals, bool watch_stdin, Service* service) {
  pollfd watched[] = {{signals, POLLIN, 0}, {watch_stdin ? STDIN_FILENO : -1, POLLIN, 0}};
  for (;;) {
    const int ready = ::poll(watched, 2, static_cast<int>(kSweepEvery.count()));
    service->Sweep();
    if (ready <= 0) continue;
    if (watched[0].revents != 0) return;
    if (watched[1].revents != 0 && StdinEnded()) return;
  }
}

// Whatever runs ends soon: the service cancels it, wherever it waits.
void ShutDown(Service* service, Pacer* pacer, GrpcServer* server) {
  if (pacer != nullptr) pacer->Stop();
  service->Stop();
  server->Shutdown(kShutdownGrace);
}

absl::Status Serve(const Options& options, const merkle::Secrets& secrets, int signals) {
  ASSIGN_OR_RETURN(const ListenAddress address, ChooseAddress(options));
  std::optional<merkle::TemporaryFolder> temporary;
  ServiceOptions service_options;
  service_options.durable = !options.state_dir.empty() && !options.temporary_state;
  if (options.state_dir.empty()) {
    ASSIGN_OR_RETURN(merkle::TemporaryFolder folder, merkle::TemporaryFolder::Create());
    temporary.emplace(std::move(folder));
    service_options.state_dir = temporary->path();
  } else {
    ASSIGN_OR_RETURN(service_options.state_dir, MakeStateDir(options.state_dir));
  }
  ASSIGN_OR_RETURN(service_options.key, ChooseKey(options, service_options.state_dir));
  service_options.asked_once = options.exit_on_stdin_eof;
  // Whoever compares all tables of a database has this many open, as the parent has, which alone
  // opens snapshots.
  if (options.exit_on_stdin_eof || !options.databases.empty()) {
    service_options.snapshots.open_max = kSnapshotsOfAllTables;
  }
  service_options.allow_values = options.allow_values;
  service_options.version = DRIFTWOOD_VERSION;
  service_options.first_snapshot_id = RandomId();
  service_options.log_comparison = [](const std::string& line) {
    spdlog::info("{}", EscapeForDisplay(line));
  };
  service_options.log = [&secrets](const std::string& line) {
    spdlog::warn("{}", EscapeForDisplay(secrets.Hide(line)));
  };
  ASSIGN_OR_RETURN(const Gentleness gentleness, MakeGentleness(options));
  service_options.retry_after = gentleness.retry_after;
  service_options.resume = options.resume;
  service_options.load_gate = gentleness.load_gate;
  Service service(service_options);
  RETURN_IF_ERROR(AddDatasets(options, gentleness, &service));
  RETURN_IF_ERROR(AddDatabases(options, gentleness, &service));
  GrpcServiceOptions grpc_options;
  if (!options.token_file.empty()) {
    ASSIGN_OR_RETURN(grpc_options.token, ReadTokenFile(options.token_file));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<GrpcServer> server,
                   GrpcServer::Start(&service, address, {}, std::move(grpc_options)));
  std::cout << "listening on " << server->address() << std::endl;
  if (!std::cout) return absl::FailedPreconditionError("can't write to stdout");
  spdlog::info("listening on {}, {}", EscapeForDisplay(server->address()),
               service_options.key.keyed() ? "keyed" : "unkeyed");
  // Beside what is served: a server that does not answer keeps nobody waiting.
  std::jthread opening;
  if (!options.config_file.empty()) {
    opening = std::jthread(
        [&](const std::stop_token& stop) { SayWhatIsServed(stop, options, secrets, &service); });
  }
  WaitForEnd(signals, options.exit_on_stdin_eof, &service);
  spdlog::info("ending");
  opening.request_stop();
  ShutDown(&service, gentleness.pacer.get(), server.get());
  return absl::OkStatus();
}

absl::Status PrintTables(const Options& options) {
  // Also what is of no use here: who lists tables means to compare them under the same options.
  ASSIGN_OR_RETURN(const Gentleness gentleness, MakeGentleness(options));
  ASSIGN_OR_RETURN(const StoreUrl url, StoreUrl::Parse(options.list_tables));
  ASSIGN_OR_RETURN(const TableList list, ListTables(url, gentleness.store));
  std::cout << TableListText(list) << std::flush;
  return std::cout ? absl::OkStatus() : absl::FailedPreconditionError("can't write to stdout");
}

absl::Status PrintStores() {
  std::cout << StoreKindsText(DescribeStoreKinds()) << std::flush;
  return std::cout ? absl::OkStatus() : absl::FailedPreconditionError("can't write to stdout");
}

absl::Status Run(const Options& options, const merkle::Secrets& secrets) {
  if (options.stores) return PrintStores();
  if (!options.list_tables.empty()) return PrintTables(options);
  ASSIGN_OR_RETURN(const int signals, TakeSignals());
  return Serve(options, secrets, signals);
}

void SetUpLog(const Options& options) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("driftwood-agent"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %n %l: %v");
  spdlog::set_level(options.verbose             ? spdlog::level::debug
                    : options.exit_on_stdin_eof ? spdlog::level::err
                                                : spdlog::level::info);
}

// LMDB asks for 2 MiB of zeros for each index that is opened, and hardly ever uses them. From the
// system they cost nothing until they are used; from glibc's heap, which by and by would take them
// over, they are written each time, and stay in memory as long as the index.
void KeepUnusedMemoryUntouched() { ::mallopt(M_MMAP_THRESHOLD, 2 << 20); }

// The one place where what was typed is quoted: in one line, without what is secret in it.
void Complain(const std::string& message, const merkle::Secrets& secrets) {
  std::cerr << "driftwood-agent: " << Printable(secrets.Hide(message)) << std::endl;
}

std::string DescribeParseError(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> extras = app.remaining();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr || extras.empty()) {
    return error.what();
  }
  const std::string& extra = extras.front();
  if (!extra.starts_with("-")) {
    return "unexpected argument '" + merkle::Redacted(extra) +
           "' (datasets are given as --dataset NAME=URL, databases as --database NAME=URL)";
  }
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  const std::string typed = extra.substr(0, extra.find('='));  // the value may be a secret
  const std::string nearest = NearestName(typed, known).value_or("");
  return "unknown option '" + typed + "'" +
         (nearest.empty() ? "" : " (did you mean '" + nearest + "'?)");
}

// From the options as --help has them.
std::string ManualPage(const CLI::App& app) {
  ManPage page;
  page.name = "driftwood-agent";
  page.version = DRIFTWOOD_VERSION;
  page.summary = "serve datasets of local stores to driftwood";
  page.synopsis = {"driftwood-agent --listen ADDRESS --dataset NAME=URL [OPTIONS]",
                   "driftwood-agent --listen ADDRESS --database NAME=URL [OPTIONS]"};
  page.description =
      "Reads the store beside which it runs, and never writes to it; keeps a tree of hashes over "
      "each dataset; and answers what driftwood asks about it. Values leave it only with "
      "--allow-values.";
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    OptionHelp help;
    for (const std::string& name : option->get_snames()) help.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) help.names.push_back("--" + name);
    help.value_name = option->get_expected_max() == 0 ? "" : option->get_type_name();
    help.help = option->get_description();
    help.group = "Options";
    page.options.push_back(help);
  }
  page.see_also = {"driftwood(1)"};
  return ManPageText(page);
}

int Main(int argc, char** argv) {
  // Debian's Abseil looks for cycles among gRPC's locks whenever one is taken.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  KeepUnusedMemoryUntouched();
  // Indexes, keys and sockets are nobody else's.
  ::umask(S_IRWXG | S_IRWXO);
  // gRPC's own messages go to stderr too; what matters in them is in the statuses.
  ::setenv("GRPC_VERBOSITY", "NONE", 0);
  merkle::Secrets secrets({argv + std::min(argc, 1), argv + argc});
  Options options;
  CLI::App app("Serves datasets of local stores to driftwood coordinators.", "driftwood-agent");
  app.set_version_flag("--version", "driftwood-agent " DRIFTWOOD_VERSION);
  DefineOptions(&app, &options);
  if (argc == 2 && std::string_view(argv[1]) == "--manual") {  // for packages: no help names it
    std::cout << ManualPage(app) << std::flush;
    return std::cout ? kExitOk : kExitError;
  }
  try {
    app.parse(argc, argv);
    if (!options.config_file.empty()) {
      const AgentConfig config = ReadAgentConfig(options.config_file);
      secrets.Add(config.options.datasets);
      secrets.Add(config.options.databases);
      for (const std::string& mistake : config.mistakes) Complain(mistake, secrets);
      if (!config.mistakes.empty()) return kExitError;
      static_cast<AgentOptions&>(options) = config.options;
      app.parse(argc, argv);  // once more, over what the file says
    }
    const bool serves = options.list_tables.empty() && !options.stores;
    if (serves && options.listen.empty()) throw CLI::RequiredError("--listen");
    if (serves && options.datasets.empty() && options.databases.empty()) {
      throw CLI::RequiredError("--dataset or --database");
    }
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // help or version
    Complain(DescribeParseError(app, error) + "; see driftwood-agent --help", secrets);
    return kExitError;
  }
  for (int i = 1; i < argc; ++i) merkle::HidePassword(argv[i]);
  SetUpLog(options);
  const absl::Status status = Run(options, secrets);
  if (status.ok()) return kExitOk;
  Complain(std::string(status.message()), secrets);
  return kExitError;
}

}  // namespace
}  // namespace driftwood::agent

int main(int argc, char** argv) {
  try {
    return driftwood::agent::Main(argc, argv);
  } catch (const std::exception& error) {  // there is no memory, mostly
    std::fprintf(stderr, "driftwood-agent: %s\n", error.what());
    return driftwood::agent::kExitError;
  }
}
