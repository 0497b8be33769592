// driftwood: the command line. Reads options, wires the parts together, turns signals into an
// interrupt, and gives back the exit code.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "coordinator/diff/diff_command.h"
#include "coordinator/diff/option_tables.h"
#include "coordinator/peer/grpc_connector.h"
#include "coordinator/peer/interrupt.h"
#include "coordinator/report/output.h"
#include "merkle/check.h"
#include "merkle/text/display.h"
#include "merkle/text/names.h"
#include "merkle/text/redaction.h"
#include "merkle/text/store_password.h"

namespace driftwood::coordinator {
namespace {

constexpr int kExitError = 2;
constexpr int kExitInterrupted = 130;

// Signals are blocked in every thread and read by one: no handler, no restriction on what it does.
class SignalWatch {
 public:
  explicit SignalWatch(Interrupt* interrupt) : interrupt_(interrupt) {
    ::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is a failed write
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
    DRIFTWOOD_CHECK(::pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
    signals_ = ::signalfd(-1, &signals, SFD_CLOEXEC);
    stop_ = ::eventfd(0, EFD_CLOEXEC);
    DRIFTWOOD_CHECK(signals_ >= 0 && stop_ >= 0);
    thread_ = std::thread([this] { Watch(); });
  }
  ~SignalWatch() {
    const uint64_t one = 1;
    DRIFTWOOD_CHECK(::write(stop_, &one, sizeof one) == sizeof one);
    thread_.join();
    ::close(signals_);
    ::close(stop_);
  }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  // From now on a signal ends the program at once: there is nothing left to clean up, and it may
  // be waiting for a reader that never reads.
  void EndAtOnce() { end_at_once_ = true; }

 private:
  void Watch() {
    while (true) {
      std::array<pollfd, 2> sources = {pollfd{signals_, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
      if (::poll(sources.data(), sources.size(), -1) < 0) continue;
      if (sources[1].revents != 0) return;
      signalfd_siginfo info;
      if (::read(signals_, &info, sizeof info) != sizeof info) continue;
      if (end_at_once_) ::_exit(kExitInterrupted);
      interrupt_->Raise();
    }
  }

  Interrupt* const interrupt_;
  int signals_ = -1;
  int stop_ = -1;
  std::atomic<bool> end_at_once_{false};
  std::thread thread_;
};

size_t TerminalColumns() {
  const char* const columns = std::getenv("COLUMNS");
  size_t told = 0;
  if (columns != nullptr && absl::SimpleAtoi(columns, &told) && told > 0) return told;
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    winsize size;
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  }
  return 80;
}

std::string RandomSalt() {
  std::string salt(32, '\0');
  DRIFTWOOD_CHECK(::getrandom(salt.data(), salt.size(), 0) == static_cast<ssize_t>(salt.size()));
  return salt;
}

bool WantsColour() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return (no_colour == nullptr || *no_colour == '\0') && term != nullptr &&
         std::string(term) != "dumb";
}

// Descriptors 0 to 2 must be open, else the next file opened would be taken for stdout.
void OpenStandardDescriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    // Read-only also for 1 and 2: a write to a stdout that nobody gave us must fail.
    if (::fcntl(fd, F_GETFD) < 0) DRIFTWOOD_CHECK(::open("/dev/null", O_RDONLY) == fd);
  }
}

std::vector<std::string> AgentArguments(const DiffOptions& options) {
  std::vector<std::string> arguments;
  for (const ReadingOption& option : kReadingOptions) {
    const std::string& value = options.reading.*option.value;
    if (!value.empty()) arguments.insert(arguments.end(), {option.name, value});
  }
  return arguments;
}

DiffEnvironment MakeEnvironment(const merkle::Secrets& secrets, Interrupt* interrupt) {
  DiffEnvironment environment;
  environment.make_connector =
      [](const DiffOptions& o) -> absl::StatusOr<std::unique_ptr<Connector>> {
    const bool starts_agents =
        std::any_of(o.stores.begin(), o.stores.end(),
                    [](const std::string& store) { return !store.starts_with("agent:"); });
    return MakeGrpcConnector({starts_agents, {o.state_dir, o.digest_key_file}, AgentArguments(o)});
  };
  environment.store_kinds = [kinds = std::optional<absl::StatusOr<StoreKinds>>()]() mutable {
    if (!kinds) kinds = AskStoreKinds();  // once
    return *kinds;
  };
  environment.stdout_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  environment.stderr_is_terminal = ::isatty(STDERR_FILENO) == 1;
  environment.colour = WantsColour();
  environment.terminal_columns = TerminalColumns;
  environment.now_seconds = [] {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
  };
  environment.salt = RandomSalt();
  environment.interrupt = interrupt;
  environment.secrets = secrets;
  return environment;
}

int Diff(const DiffOptions& options, const merkle::Secrets& secrets) {
  Interrupt interrupt;
  SignalWatch signals(&interrupt);
  DiffEnvironment environment = MakeEnvironment(secrets, &interrupt);
  environment.on_cleaned_up = [&signals] { signals.EndAtOnce(); };
  return RunDiff(options, environment);
}

// Yesterday's report must not stand for a command that was wrong today.
void ReplaceOutput(int argc, char** argv, const std::string& message,
                   const merkle::Secrets& secrets) {
  DiffOptions options;
  const auto take = [&](const std::string& name, std::string* value) {
    for (int i = 2; i < argc; ++i) {
      const std::string argument = argv[i];
      if (argument == name && i + 1 < argc) *value = argv[i + 1];
      if (argument.starts_with(name + "=")) *value = argument.substr(name.size() + 1);
    }
  };
  take("--output", &options.output);
  take("--format", &options.format);
  if (options.output.empty() || std::string_view(argv[1]) != "diff") return;
  Interrupt interrupt;
  WriteWrongCommand(message, options, MakeEnvironment(secrets, &interrupt));
}

std::string Capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text;
}

void AddDiff(CLI::App* diff, DiffOptions* options) {
  diff->add_option("stores", options->stores,
                   "Two or more of sqlite:PATH?table=T, csv:PATH?key=a,b, tsv:PATH?key=a, "
                   "jsonl:PATH?key=a, lmdb:PATH?db=NAME, "
                   "postgresql://USER@HOST/DB?table=T, or a running agent: "
                   "agent:HOST:PORT/DATASET, agent:unix:PATH/DATASET")
      ->type_name("URL");
  diff->add_flag("--all", options->all,
                 "The stores are databases (postgresql://USER@HOST/DB, mysql://USER@HOST/DB, "
                 "sqlite:PATH): compare all tables that they have, by name");
  // Each of these takes one value each time, so that it can't swallow the stores.
  for (const ListOption& option : kListOptions) {
    diff->add_option(option.name, options->*option.values, option.help)
        ->expected(1)
        ->take_all()
        ->allow_extra_args(false)
        ->type_name(option.value_name);
  }
  diff->add_option(
          "--format", options->format,
          "table, json, jsonl, csv or csv-raw (csv with cells as they are: what a terminal\n"
          "or a spreadsheet would act on too)")
      ->type_name("FORMAT")
      ->capture_default_str();
  for (const TextOption& option : kTextOptions) {
    diff->add_option(option.name, options->*option.value, option.help)
        ->type_name(option.value_name);
  }
  const auto number = [diff](const char* name, auto* into, const char* help) {
    return diff->add_option(name, *into, help)
        ->check([](const std::string& text) -> std::string {
          const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
          if (digits && text.size() < 19) return "";
          return "expected a whole number" + std::string(digits ? " of at most 18 digits" : "") +
                 ", not '" + text + "'";
        })
        ->type_name("N");
  };
  number(
      "--max-divergences", &options->max_divergences,
      "How many divergences are listed; the totals stay exact (default: 1000; with --all of each "
      "table, and 10 for people to read)");
  CLI::Option* const recheck =
      diff->add_option("--recheck", options->recheck_seconds,
                       "Read divergent records again after so many seconds, to see which were only "
                       "in flight (default: 2 if any store is a database server, else 0)")
          ->type_name("SECONDS");
  diff->add_flag("--no-recheck", options->no_recheck, "Don't: all divergences are unconfirmed")
      ->excludes(recheck);
  number("--recheck-max", &options->recheck_max, "How many divergent records are re-read")
      ->capture_default_str();
  number("--recheck-times", &options->recheck_times, "How often one that keeps changing is re-read")
      ->capture_default_str();
  diff->add_flag("--allow-empty", options->allow_empty,
                 "Give a verdict though no replica has a record, else an error");
  diff->add_flag("--allow-same", options->allow_same,
                 "Give a verdict though two replicas are the same source, else an error");
  diff->add_flag("--exact-names", options->exact_names,
                 "Names that differ in letter case only are different names");
  diff->add_flag("--exhaustive", options->exhaustive,
                 "Compare everything, even where a million records and more differ; else a sample "
                 "says about how many do, and by what");
  diff->add_flag_callback(
      "--no-values", [options] { options->show_values = false; },
      "Don't show values: the keys of the rows that differ, and the columns");
  diff->add_flag("--hashes", options->show_hashes,
                 "Show a hash of each row that differs too: equal hashes are equal rows");
  // What scripts asked for when they were hidden unless asked for.
  diff->add_flag("--show-values")->group("");
  diff->add_flag("--explain", options->plan_only,
                 "Show what would be read and compared as what, and compare nothing");
  diff->add_flag_callback(
      "--no-why", [options] { options->explain = false; },
      "Don't look into a sample of the divergent records for what they differ by");
  for (const ReadingOption& option : kReadingOptions) {
    diff->add_option(option.name, options->reading.*option.value, Capitalised(option.help))
        ->type_name(option.value_name);
  }
  diff->add_flag("--quiet", options->quiet, "No progress; warnings and errors stay");
  diff->add_flag("--stats", options->stats, "Statistics of indexing and walk on stderr");
  diff->footer(
      "Exit codes: 0 identical, 1 divergent, 2 error (command, configuration or data must "
      "change),\n"
      "3 incomplete (something failed or ended early after scanning began), 4 a plan (--explain), "
      "130 interrupted.");
}

// What was not expected: an option that is not known, or not here, or a word that is no command.
std::string DescribeExtra(const CLI::App& app, const std::string& extra) {
  const std::string name = extra.substr(0, extra.find('='));  // the value may be a secret
  const std::vector<const CLI::App*> commands =
      app.get_subcommands([](const CLI::App*) { return true; });
  std::vector<std::string> known;
  for (const CLI::App* command : commands) {
    known.push_back(command->get_name());
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& long_name : option->get_lnames()) {
        if (name == "--" + long_name) {
          return "option '" + name + "' belongs to 'driftwood " + command->get_name() + "'";
        }
        known.push_back("--" + long_name);
      }
    }
  }
  if (extra.starts_with("-")) return "unknown option '" + name + "'" + DidYouMean(name, known);
  const bool is_store = extra.find(':') != std::string::npos;
  return "unknown command '" + merkle::Redacted(extra) + "'" +
         (is_store ? " (did you mean 'driftwood diff URL URL'?)" : DidYouMean(extra, known));
}

std::string DescribeParseError(const CLI::App& app, const CLI::ParseError& error) {
  std::string message = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    const std::vector<std::string> extras = app.remaining(/*recurse=*/true);
    if (!extras.empty()) message = DescribeExtra(app, extras.front());
  }
  return message + "; see driftwood diff --help";
}

// Help and version are data: a failed write is an error here too.
int Print(const std::string& text) {
  const auto output = Output::ToDescriptor(STDOUT_FILENO, "stdout");
  absl::Status status = output->Write(text);
  if (status.ok()) status = output->Commit();
  if (status.ok()) return 0;
  std::fprintf(stderr, "driftwood: %s\n", EscapeForDisplay(std::string(status.message())).c_str());
  return kExitError;
}

int Main(int argc, char** argv) {
  OpenStandardDescriptors();
  // gRPC's own messages go to stderr too; what matters in them is in the statuses.
  ::setenv("GRPC_VERBOSITY", "NONE", 0);
  CLI::App app("Finds the records in which copies of a dataset differ.", "driftwood");
  app.set_version_flag("--version", "driftwood " DRIFTWOOD_VERSION);
  const merkle::Secrets secrets({argv + std::min(argc, 1), argv + argc});
  DiffOptions options;
  CLI::App* const diff = app.add_subcommand(
      "diff", "Compare two or more copies of a dataset and name the records that differ");
  AddDiff(diff, &options);
  app.footer("driftwood diff --help says more.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion&) {
    return Print("driftwood " DRIFTWOOD_VERSION "\n");
  } catch (const CLI::CallForHelp&) {
    return Print(app.help());
  } catch (const CLI::ParseError& error) {
    const std::string message = DescribeParseError(app, error);
    std::fprintf(stderr, "driftwood: %s\n", EscapeForDisplay(secrets.Hide(message)).c_str());
    ReplaceOutput(argc, argv, message, secrets);
    return kExitError;
  }
  for (int i = 1; i < argc; ++i) merkle::HidePassword(argv[i]);
  if (diff->parsed()) return Diff(options, secrets);
  std::fprintf(stderr, "driftwood: no command given; see driftwood --help\n");
  return kExitError;
}

}  // namespace
}  // namespace driftwood::coordinator

int main(int argc, char** argv) { return driftwood::coordinator::Main(argc, argv); }
