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
#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/diff/diff_command.h"
#include "coordinator/diff/diff_config.h"
#include "coordinator/diff/option_tables.h"
#include "coordinator/help/completions.h"
#include "coordinator/help/help_text.h"
#include "coordinator/help/manual.h"
#include "coordinator/peer/grpc_connector.h"
#include "coordinator/peer/interrupt.h"
#include "coordinator/report/output.h"
#include "merkle/check.h"
#include "merkle/text/display.h"
#include "merkle/text/names.h"
#include "merkle/text/redaction.h"
#include "merkle/text/store_password.h"
#include "merkle/text/time_span.h"
#include "proto/contract/reading_options.h"

namespace driftwood::coordinator {
namespace {

constexpr int kExitError = 2;
constexpr int kExitIncomplete = 3;
constexpr int kExitInterrupted = 130;
// Small ones mostly wait for an answer or a disk, so that more of them than cores are of use.
constexpr size_t kTablesAtOnce = 4;

// Signals are blocked in every thread and read by one: no handler, no restriction on what it does.
class SignalWatch {
 public:
  explicit SignalWatch(Interrupt* interrupt) : interrupt_(interrupt) {
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

std::string HostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
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
  environment.tables_at_once = kTablesAtOnce;
  environment.salt = RandomSalt();
  environment.version = DRIFTWOOD_VERSION;
  environment.host = HostName();
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

int CheckConfigFile(const std::string& file, const merkle::Secrets& secrets) {
  Interrupt interrupt;
  return CheckConfig(file, MakeEnvironment(secrets, &interrupt));
}

// Yesterday's report must not stand for a command that was wrong today. `words`: behind "diff".
void ReplaceOutput(const std::vector<std::string>& words, const std::string& message,
                   const merkle::Secrets& secrets) {
  DiffOptions options;
  const auto take = [&](const TextOption& option) {
    const std::string name = option.name;
    const std::string short_name = option.short_name;
    for (size_t i = 0; i < words.size(); ++i) {
      std::string& value = options.*option.value;
      const bool is_named = words[i] == name || words[i] == short_name;
      if (is_named && i + 1 < words.size() && !words[i + 1].starts_with("-")) {
        value = words[i + 1];
      } else if (words[i].starts_with(name + "=")) {
        value = words[i].substr(name.size() + 1);
      } else if (!is_named && !short_name.empty() && words[i].starts_with(short_name)) {
        value = words[i].substr(short_name.size());
      }
    }
  };
  for (const TextOption& option : kTextOptions) {
    if (option.value == &DiffOptions::output || option.value == &DiffOptions::format) take(option);
  }
  if (options.output.empty()) return;
  Interrupt interrupt;
  WriteWrongCommand(message, options, MakeEnvironment(secrets, &interrupt));
}

std::string BothNames(const char* short_name, const char* name) {
  return (*short_name == '\0' ? "" : std::string(short_name) + ",") + name;
}

uint64_t WholeNumber(const std::string& name, const std::string& text) {
  const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
  if (digits && !text.empty() && text.size() < 19) return std::stoull(text);
  throw CLI::ValidationError(name, "expected a whole number" +
                                       std::string(digits ? " of at most 18 digits" : "") +
                                       ", not '" + text + "'");
}

double Seconds(const std::string& name, const std::string& text) {
  const absl::StatusOr<std::chrono::milliseconds> time = ParseTimeSpan(text);
  if (time.ok()) return std::chrono::duration<double>(*time).count();
  throw CLI::ValidationError(name, std::string(time.status().message()));
}

void AddNumber(CLI::App* diff, const NumberOption& option, DiffOptions* options) {
  const auto take = [option, options](const std::string& text) {
    if (const auto* number = std::get_if<uint64_t DiffOptions::*>(&option.value)) {
      options->** number = WholeNumber(option.name, text);
    } else if (const auto* limit =
                   std::get_if<std::optional<uint64_t> DiffOptions::*>(&option.value)) {
      options->** limit = WholeNumber(option.name, text);
    } else {
      options->*std::get<std::optional<double> DiffOptions::*>(option.value) =
          Seconds(option.name, text);
    }
  };
  diff->add_option_function<std::string>(option.name, take, option.help)
      ->type_name(option.value_name);
}

void AddDiff(CLI::App* diff, DiffOptions* options) {
  diff->add_option("stores", options->stores, "Files, or stores' URLs")->type_name("COPY");
  for (const FlagOption& option : kFlagOptions) {
    diff->add_flag_callback(
        BothNames(option.short_name, option.name),
        [option, options] { options->*option.value = option.sets; }, option.help);
  }
  // What scripts asked for when values were hidden unless asked for.
  diff->add_flag("--show-values")->group("");
  // Each of these takes one value each time, so that it can't swallow the stores.
  for (const ListOption& option : kListOptions) {
    diff->add_option(BothNames(option.short_name, option.name), options->*option.values,
                     option.help)
        ->expected(1)
        ->take_all()
        ->allow_extra_args(false)
        ->type_name(option.value_name);
  }
  for (const TextOption& option : kTextOptions) {
    diff->add_option(BothNames(option.short_name, option.name), options->*option.value, option.help)
        ->type_name(option.value_name);
  }
  for (const NumberOption& option : kNumberOptions) AddNumber(diff, option, options);
  for (const ReadingOption& option : kReadingOptions) {
    diff->add_option(option.name, options->reading.*option.value, option.help)
        ->type_name(option.value_name);
  }
  diff->get_option("--no-recheck")->excludes(diff->get_option("--recheck"));
}

// `words`: all that follow "diff", which is put over what the file says.
int DiffConfig(const DiffOptions& options, const std::vector<std::string>& words,
               const merkle::Secrets& secrets) {
  Interrupt interrupt;
  SignalWatch signals(&interrupt);
  DiffEnvironment environment = MakeEnvironment(secrets, &interrupt);
  environment.on_cleaned_up = [&signals] { signals.EndAtOnce(); };
  ConfigCommand command;
  command.file = options.config_file;
  command.datasets = options.stores;
  command.type_over = [&words](DiffOptions* into) {
    const std::vector<std::string> stores = into->stores;
    CLI::App app;
    AddDiff(&app, into);
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // as it was read before
    into->stores = stores;
  };
  return RunDiffConfig(command, environment);
}

std::string DescribeParseError(const CLI::App& diff, const CLI::ParseError& error) {
  const std::vector<std::string> extras = diff.remaining();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr || extras.empty()) {
    return error.what();
  }
  const std::string name = extras[0].substr(0, extras[0].find('='));  // the value may be a secret
  std::vector<std::string> known;
  for (const OptionHelp& option : DiffOptionHelp()) known.push_back(option.names.back());
  return "unknown option '" + merkle::Redacted(name) + "'" + DidYouMean(name, known);
}

int Complain(const std::string& message, const merkle::Secrets& secrets) {
  std::fprintf(stderr, "driftwood: %s\n", EscapeForDisplay(secrets.Hide(message)).c_str());
  return kExitError;
}

// Help and version are data: a failed write is an error here too. A reader that has seen enough of
// them is none.
int Print(const std::string& text) {
  const auto output = Output::ToDescriptor(STDOUT_FILENO, "stdout");
  absl::Status status = output->Write(text);
  if (status.ok()) status = output->Commit();
  if (status.ok() || ReaderIsGone(status)) return 0;
  return Complain(std::string(status.message()), merkle::Secrets());
}

// An option's value that is an option: `--output -q` would write a file "-q", and say less than it
// was asked to. Empty: there is none.
std::string ForgottenValue(const CLI::App& diff, const std::vector<std::string>& words) {
  for (size_t i = 0; i + 1 < words.size() && words[i] != "--"; ++i) {
    const CLI::Option* const option = diff.get_option_no_throw(words[i]);
    if (!words[i].starts_with("-") || option == nullptr) continue;
    if (option->get_items_expected_max() == 0) continue;
    const std::string& value = words[++i];
    if (!value.starts_with("-") || diff.get_option_no_throw(value) == nullptr) continue;
    const std::string& name = words[i - 1];
    return name + " has no value: " + value + " is an option" +
           (name.starts_with("--") ? " (if it is meant, write " + name + "=" + value + ")" : "");
  }
  return "";
}

// `words`: all that follow "diff".
int DiffCommand(std::vector<std::string> words, const merkle::Secrets& secrets,
                const std::function<void()>& hide_passwords) {
  DiffOptions options;
  CLI::App app("", "driftwood");
  AddDiff(&app, &options);
  try {
    if (const std::string forgotten = ForgottenValue(app, words); !forgotten.empty()) {
      throw CLI::ArgumentMismatch(forgotten);
    }
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::CallForHelp&) {
    return Print(DiffHelp(TerminalColumns()));
  } catch (const CLI::ParseError& error) {
    const std::string message = DescribeParseError(app, error) + "; see driftwood diff --help";
    const int code = Complain(message, secrets);
    ReplaceOutput(words, message, secrets);
    return code;
  }
  hide_passwords();
  if (!options.config_file.empty()) return DiffConfig(options, words, secrets);
  return Diff(options, secrets);
}

// `words`: all that follow "config".
int ConfigCommandLine(const std::vector<std::string>& words, const merkle::Secrets& secrets) {
  if (words.size() == 2 && words[0] == "check") return CheckConfigFile(words[1], secrets);
  return Complain("config takes one command: driftwood config check FILE", secrets);
}

int HelpCommand(const std::vector<std::string>& words, const merkle::Secrets& secrets) {
  if (words.size() > 1) {
    return Complain("help takes one topic or command; see driftwood --help", secrets);
  }
  const absl::StatusOr<std::string> help = HelpOn(words.empty() ? "" : words[0], TerminalColumns());
  return help.ok() ? Print(*help) : Complain(std::string(help.status().message()), secrets);
}

int CompletionsCommand(const std::vector<std::string>& words, const merkle::Secrets& secrets) {
  const absl::StatusOr<std::string> script = CompletionScript(words.size() == 1 ? words[0] : "");
  return script.ok() ? Print(*script) : Complain(std::string(script.status().message()), secrets);
}

// Where a command would stand: `driftwood a.csv b.csv`.
bool BeginsADiff(const std::string& word) {
  return word.starts_with("-") || word.find_first_of(":/.") != std::string::npos ||
         ::access(word.c_str(), F_OK) == 0;
}

int UnknownCommand(const std::string& word, const merkle::Secrets& secrets) {
  std::vector<std::string> known;
  for (const CommandHelp& command : Commands()) known.push_back(command.name);
  return Complain("unknown command '" + word + "', and no file of that name" +
                      DidYouMean(word, known) + "; see driftwood --help",
                  secrets);
}

int Run(const std::vector<std::string>& words, const merkle::Secrets& secrets,
        const std::function<void()>& hide_passwords) {
  if (words.empty()) return Complain("no command given; see driftwood --help", secrets);
  const std::string& first = words[0];
  const std::vector<std::string> others(words.begin() + 1, words.end());
  if (first == "diff") return DiffCommand(others, secrets, hide_passwords);
  if (first == "config") return ConfigCommandLine(others, secrets);
  if (first == "help") return HelpCommand(others, secrets);
  if (first == "completions") return CompletionsCommand(others, secrets);
  if (first == "manual") return Print(ManualPage(DRIFTWOOD_VERSION));
  if (first == "-h" || first == "--help") return Print(ProgramHelp(TerminalColumns()));
  if (first == "version" || first == "-V" || first == "--version") {
    return Print("driftwood " DRIFTWOOD_VERSION "\n");
  }
  if (BeginsADiff(first)) return DiffCommand(words, secrets, hide_passwords);
  return UnknownCommand(first, secrets);
}

int Main(int argc, char** argv) {
  // Debian's Abseil looks for cycles among gRPC's locks whenever one is taken.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  OpenStandardDescriptors();
  ::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is a failed write
  // gRPC's own messages go to stderr too; what matters in them is in the statuses.
  ::setenv("GRPC_VERBOSITY", "NONE", 0);
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  return Run(words, merkle::Secrets(words), [&] {
    for (int i = 1; i < argc; ++i) merkle::HidePassword(argv[i]);
  });
}

}  // namespace
}  // namespace driftwood::coordinator

int main(int argc, char** argv) {
  try {
    return driftwood::coordinator::Main(argc, argv);
  } catch (const std::exception& error) {  // there is no memory, mostly
    std::fprintf(stderr, "driftwood: %s\n", error.what());
    return driftwood::coordinator::kExitIncomplete;
  }
}
