#include "agent/stores/exec/exec_store.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "agent/source/for_each_row.h"
#include "agent/source/messages.h"
#include "agent/source/source_identity.h"
#include "agent/source/store_options.h"
#include "agent/stores/csv/csv_store.h"
#include "agent/stores/exec/as_texts.h"
#include "agent/stores/exec/exec_keys.h"
#include "agent/stores/exec/program.h"
#include "agent/stores/exec/program_text.h"
#include "agent/stores/jsonl/jsonl_store.h"
#include "agent/stores/text/decode_text.h"
#include "agent/stores/text/spool.h"
#include "agent/stores/text/text_input.h"
#include "merkle/mutex.h"
#include "merkle/os/temporary_folder.h"
#include "merkle/os/unnamed_file.h"
#include "merkle/status_macros.h"
#include "merkle/text/percent.h"

namespace driftwood::agent {
namespace {

using std::chrono::milliseconds;

constexpr int kUnknownVerb = 64;  // EX_USAGE of sysexits.h
constexpr milliseconds kTimeMax = std::chrono::hours(1);
constexpr uint64_t kMemoryMax = uint64_t{4} << 30;
// What lookup may answer at once. The agent asks for at most 5,000 keys.
constexpr size_t kAnswersMax = size_t{256} << 20;
// For how long a description's run may serve the scan that follows it. What changes meanwhile is
// seen no later than by the re-reading of what differs, as it is for what a long scan reads first.
constexpr std::chrono::seconds kRunServes{60};

// Those of the URL's parameters that are no text's.
struct ExecParameters {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  milliseconds time_max = kTimeMax;
  uint64_t memory_max = kMemoryMax;
};

// "500M", "4G", or bytes.
absl::StatusOr<uint64_t> ParseBytes(const std::string& text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const std::string_view unit(rest, static_cast<size_t>(end - rest));
  const int shift = unit.empty() ? 0 : unit == "M" ? 20 : unit == "G" ? 30 : -1;
  constexpr uint64_t kLeast = uint64_t{1} << 20;
  constexpr uint64_t kMost = uint64_t{1} << 50;
  if (error != std::errc() || shift < 0 || number > (kMost >> shift) || number << shift < kLeast)
    return absl::InvalidArgumentError("memory=" + Printable(text) +
                                      ": say how much in bytes, or as in 500M or 4G");
  return number << shift;
}

absl::StatusOr<ExecParameters> ParametersOf(const StoreUrl& url) {
  ExecParameters parameters;
  parameters.arguments = url.List("args");
  // Without them no program finds another, or writes texts that are not ASCII.
  parameters.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                            "LANG=C.UTF-8"};
  for (const std::string& name : url.List("env")) {
    if (name.find('=') != std::string::npos)
      return absl::InvalidArgumentError(
          "env= takes names of environment variables, no values, which would show in reports");
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr)
      return absl::InvalidArgumentError("the environment has no variable " + Printable(name) +
                                        ", which env= names for " + Printable(url.path));
    // The last one counts, mostly; but which one is the program's to decide.
    std::erase_if(parameters.environment,
                  [&](const std::string& each) { return each.starts_with(name + "="); });
    parameters.environment.push_back(name + "=" + value);
  }
  if (const auto timeout = url.Parameter("timeout")) {
    const absl::StatusOr<milliseconds> time = ParseTime(*timeout);
    if (!time.ok())
      return absl::InvalidArgumentError("timeout=" + Printable(*timeout) + ": " +
                                        std::string(time.status().message()));
    parameters.time_max = *time;
  }
  if (const auto memory = url.Parameter("memory")) {
    ASSIGN_OR_RETURN(parameters.memory_max, ParseBytes(*memory));
  }
  return parameters;
}

// Of the text that the program writes.
StoreUrl TextUrl(const StoreUrl& url, const std::string& scheme) {
  StoreUrl text = url.Without("args").Without("env").Without("timeout").Without("memory");
  text.scheme = scheme;
  return text;
}

// The text of one run, and the store that reads it.
struct Run {
  std::unique_ptr<Store> store;
  std::chrono::steady_clock::time_point ended;
  bool is_csv = false;
  bool is_used = false;  // by a scan
};

class CountingSink final : public RowSink {
 public:
  absl::Status Row(std::span<const SourceValue>, uint64_t) override {
    ++rows;
    return absl::OkStatus();
  }
  uint64_t rows = 0;
};

// A scan of a run, which it keeps.
class RunScan final : public Scan {
 public:
  RunScan(std::shared_ptr<Run> run, std::unique_ptr<Scan> scan, bool has_all_answers)
      : run_(std::move(run)), scan_(std::move(scan)), has_all_answers_(has_all_answers) {}
  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override { return scan_->Next(); }
  uint64_t Progress() const override { return scan_->Progress(); }
  absl::StatusOr<End> Finish() override {
    ASSIGN_OR_RETURN(End end, scan_->Finish());
    end.has_all_answers = has_all_answers_;
    return end;
  }

 private:
  const std::shared_ptr<Run> run_;
  const std::unique_ptr<Scan> scan_;
  const bool has_all_answers_;
};

// For a program's stdin.
absl::StatusOr<merkle::UniqueFd> FileWith(std::string_view text) {
  merkle::UniqueFd file = merkle::CreateUnnamedFile(merkle::TemporaryFolder::DefaultParent());
  while (file.get() >= 0 && !text.empty()) {
    const ssize_t count = ::write(file.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.remove_prefix(static_cast<size_t>(count));
  }
  if (file.get() < 0 || !text.empty() || ::lseek(file.get(), 0, SEEK_SET) != 0)
    return absl::ResourceExhaustedError(
        "can't write a temporary file in " + merkle::TemporaryFolder::DefaultParent().string() +
        ": " + std::strerror(errno) + "; set TMPDIR to a place with more room");
  return file;
}

class ExecStore final : public Store {
 public:
  ExecStore(StoreUrl url, ExecParameters parameters, ExecOptions options)
      : url_(std::move(url)), parameters_(std::move(parameters)), options_(std::move(options)) {}

  void StopWith(std::stop_token stop) override { stop_ = std::move(stop); }

  absl::StatusOr<SourceDescription> Describe() override {
    ASSIGN_OR_RETURN(const std::shared_ptr<Run> run, RunScanVerb());
    ASSIGN_OR_RETURN(SourceDescription description, run->store->Describe());
    description.source = url_.ToString();
    description.live = true;
    description.identity = SourceIdentity({"exec", FileIdentity(url_.path), url_.ToString()});
    Keep(run);
    return description;
  }

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    std::shared_ptr<Run> run = TakeRun();
    if (run == nullptr) {
      ASSIGN_OR_RETURN(run, RunScanVerb());
      run->is_used = true;
      Keep(run);
    }
    run->store->StopWith(stop_);
    ASSIGN_OR_RETURN(std::unique_ptr<Scan> scan, run->store->StartScan(columns));
    return std::make_unique<RunScan>(std::move(run), std::move(scan), false);
  }

  absl::StatusOr<bool> IsUnchanged(std::string_view) override { return false; }

  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    const std::shared_ptr<Run> run = LastRun();
    if (run == nullptr) return "byte " + std::to_string(origin);
    return run->store->DescribeOrigin(origin);
  }

  absl::StatusOr<std::unique_ptr<Scan>> Lookup(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    // Its answers have to mean what its records do.
    const std::shared_ptr<Run> last = LastRun();
    if (last == nullptr || has_no_lookup_ || !CanBeAskedFor(keys))
      return absl::UnimplementedError(Printable(url_.path) + " has no lookup of such keys");
    ASSIGN_OR_RETURN(const std::optional<std::string> answers, Ask(KeyLines(key, keys)));
    if (!answers) {
      has_no_lookup_ = true;
      return absl::UnimplementedError(Printable(url_.path) + " has no lookup");
    }
    ASSIGN_OR_RETURN(const std::string records, RecordsOf(url_.path, *answers, key, keys));
    const MemorySource source(records);
    SourceStream text(source);
    auto spooled = std::make_shared<SpooledText>();
    ASSIGN_OR_RETURN(spooled->spool,
                     Spool::Of(text, url_.path, " of its answers to lookup", SpoolOptions()));
    auto run = std::make_shared<Run>();
    StoreUrl url{"jsonl", url_.path, {}};
    std::string names;
    for (const std::string& column : columns)
      names += (names.empty() ? "" : ",") + PercentEncode(column, "%,&");
    url.parameters["columns"] = names;
    FileScanOptions options;
    options.spooled = std::move(spooled);
    ASSIGN_OR_RETURN(run->store, OpenJsonlStore(url, options));
    ASSIGN_OR_RETURN(std::unique_ptr<Scan> scan, run->store->StartScan(columns));
    if (last->is_csv) scan = AsTexts(std::move(scan));
    return std::make_unique<RunScan>(std::move(run), std::move(scan), true);
  }

 private:
  ProgramCall CallOf(const std::string& verb) const {
    ProgramCall call;
    call.arguments = {url_.path};
    call.arguments.insert(call.arguments.end(), parameters_.arguments.begin(),
                          parameters_.arguments.end());
    call.arguments.push_back(verb);
    call.environment = parameters_.environment;
    call.time_max = parameters_.time_max;
    call.memory_max = parameters_.memory_max;
    if (options_.log)
      call.on_error_line = [this](std::string_view line) {
        options_.log(Printable(url_.path) + ": " + Printable(line, 1024));
      };
    return call;
  }

  absl::StatusOr<std::shared_ptr<Run>> RunScanVerb() {
    ASSIGN_OR_RETURN(std::unique_ptr<Program> program, Program::Start(CallOf("scan"), stop_));
    ASSIGN_OR_RETURN(std::unique_ptr<ProgramText> begun,
                     ProgramText::Begin(std::move(program), url_.path));
    const ProgramText* const framed = begun.get();
    ASSIGN_OR_RETURN(const std::optional<Encoding> encoding, EncodingOf(url_));
    ASSIGN_OR_RETURN(DecodedText decoded,
                     DecodeText(std::move(begun), encoding, "", Printable(url_.path)));
    constexpr size_t kHeadBytes = 4096;
    ASSIGN_OR_RETURN(std::string head, ReadHead(*decoded.text, kHeadBytes));
    const size_t first = head.find_first_not_of(" \t\r\n");
    const bool is_json = first == std::string::npos || head[first] == '{' || head[first] == '[';
    const std::unique_ptr<ByteStream> text = WithHead(std::move(head), std::move(decoded.text));
    auto spooled = std::make_shared<SpooledText>();
    const std::string place =
        framed->has_first_line() ? " of its output, its first line not counted" : " of its output";
    ASSIGN_OR_RETURN(spooled->spool, Spool::Of(*text, url_.path, place, SpoolOptions()));
    if (!framed->is_snapshot())
      spooled->not_one_state = Printable(url_.path) +
                               " does not promise that its output is of one moment (docs/exec.md)";
    auto run = std::make_shared<Run>();
    run->is_csv = !is_json;
    FileScanOptions options;
    options.spooled = std::move(spooled);
    if (is_json) {
      ASSIGN_OR_RETURN(run->store, OpenJsonlStore(JsonUrl(), options));
    } else {
      ASSIGN_OR_RETURN(run->store, OpenCsvStore(TextUrl(url_, "csv"), options));
    }
    run->store->StopWith(stop_);
    if (framed->records()) RETURN_IF_ERROR(CheckCount(*run->store, *framed->records()));
    run->ended = options_.clock();
    return run;
  }

  // Dialects mean nothing to it.
  StoreUrl JsonUrl() const {
    StoreUrl url{"jsonl", url_.path, {}};
    for (const char* const name : {"key", "columns"}) {
      const auto found = url_.parameters.find(name);
      if (found != url_.parameters.end()) url.parameters.insert(*found);
    }
    return url;
  }

  absl::Status CheckCount(Store& store, uint64_t promised) const {
    ASSIGN_OR_RETURN(const SourceDescription description, store.Describe());
    std::vector<std::string> names;
    for (const SourceColumn& column : description.columns) names.push_back(column.name);
    ASSIGN_OR_RETURN(const std::unique_ptr<Scan> scan, store.StartScan(names));
    CountingSink sink;
    RETURN_IF_ERROR(ForEachRow(*scan, sink, nullptr));
    if (sink.rows == promised) return absl::OkStatus();
    return absl::DataLossError(Printable(url_.path) + " says at its end that it gave " +
                               Plural(promised, "record", "records") + ", and gave " +
                               GroupDigits(sink.rows));
  }

  // What it answers to these lines; absent: it has no lookup.
  absl::StatusOr<std::optional<std::string>> Ask(const std::string& lines) const {
    ASSIGN_OR_RETURN(const merkle::UniqueFd input, FileWith(lines));
    ProgramCall call = CallOf("lookup");
    call.input = input.get();
    ASSIGN_OR_RETURN(const std::unique_ptr<Program> program, Program::Start(call, stop_));
    const absl::StatusOr<std::string> answers = ReadHead(*program, kAnswersMax);
    if (program->exit_status() == kUnknownVerb) return std::nullopt;
    RETURN_IF_ERROR(answers.status());
    if (answers->size() == kAnswersMax)
      return absl::ResourceExhaustedError("the answers of " + Printable(url_.path) +
                                          " to lookup take more than 256 MiB");
    return *answers;
  }

  void Keep(const std::shared_ptr<Run>& run) DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    last_run_ = run;
  }

  std::shared_ptr<Run> LastRun() DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    return last_run_;
  }

  // The last run, once, if no scan has had it and it is fresh; else null.
  std::shared_ptr<Run> TakeRun() DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    if (last_run_ == nullptr || last_run_->is_used) return nullptr;
    if (options_.clock() - last_run_->ended > kRunServes) return nullptr;
    last_run_->is_used = true;
    return last_run_;
  }

  const StoreUrl url_;
  const ExecParameters parameters_;
  const ExecOptions options_;
  std::stop_token stop_;
  bool has_no_lookup_ = false;

  merkle::Mutex mutex_;
  std::shared_ptr<Run> last_run_ DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenExecStore(const StoreUrl& url,
                                                     const ExecOptions& options) {
  // Whatever text it turns out to write: CSV knows all that JSON Lines does.
  const absl::Status text = OpenCsvStore(TextUrl(url, "csv")).status();
  if (!text.ok())
    return absl::InvalidArgumentError(std::string(text.message()) +
                                      "; for the program itself: args, env, timeout, memory");
  ASSIGN_OR_RETURN(ExecParameters parameters, ParametersOf(url));
  return std::make_unique<ExecStore>(url, std::move(parameters), options);
}

}  // namespace driftwood::agent
