#include "agent/stores/exec/exec_store.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "agent/source/messages.h"
#include "agent/source/source_identity.h"
#include "agent/source/store_options.h"
#include "agent/stores/asked/asked_store.h"
#include "agent/stores/csv/csv_store.h"
#include "agent/stores/exec/program.h"
#include "agent/stores/exec/program_text.h"
#include "agent/stores/text/decode_text.h"
#include "agent/stores/text/spool.h"
#include "merkle/os/room.h"
#include "merkle/os/unnamed_file.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using std::chrono::milliseconds;

constexpr int kUnknownVerb = 64;  // EX_USAGE of sysexits.h
constexpr milliseconds kTimeMax = std::chrono::hours(1);
constexpr uint64_t kMemoryMax = uint64_t{4} << 30;
// What lookup may answer at once. The agent asks for at most 5,000 keys.
constexpr size_t kAnswersMax = size_t{256} << 20;

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

constexpr std::array kOwnParameters = {"args", "env", "timeout", "memory"};

bool HasZeroByte(const std::string& text) { return text.find('\0') != std::string::npos; }

absl::StatusOr<ExecParameters> ParametersOf(const StoreUrl& url) {
  ExecParameters parameters;
  parameters.arguments = url.List("args");
  if (std::any_of(parameters.arguments.begin(), parameters.arguments.end(), HasZeroByte)) {
    return absl::InvalidArgumentError(
        "args= has a zero byte (%00), where an argument of a program ends");
  }
  // Without them no program finds another, or writes texts that are not ASCII.
  parameters.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                            "LANG=C.UTF-8"};
  for (const std::string& name : url.List("env")) {
    if (name.find('=') != std::string::npos || HasZeroByte(name))
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
  StoreUrl text = url;
  for (const char* const name : kOwnParameters) text.parameters.erase(name);
  text.scheme = scheme;
  return text;
}

// For a program's stdin.
absl::StatusOr<merkle::UniqueFd> FileWith(std::string_view text) {
  merkle::UniqueFd file = merkle::CreateUnnamedFile(merkle::TemporaryPlace());
  while (file.get() >= 0 && !text.empty()) {
    const ssize_t count = ::write(file.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.remove_prefix(static_cast<size_t>(count));
  }
  if (file.get() < 0 || !text.empty() || ::lseek(file.get(), 0, SEEK_SET) != 0)
    return absl::ResourceExhaustedError(
        "can't write a temporary file in " + merkle::TemporaryPlace().string() + ": " +
        std::strerror(errno) + merkle::RoomAdvice(merkle::TemporaryPlace()));
  return file;
}

class ProgramSource final : public AskedSource {
 public:
  ProgramSource(StoreUrl url, ExecParameters parameters, ExecOptions options)
      : url_(std::move(url)), parameters_(std::move(parameters)), options_(std::move(options)) {}

  const std::string& name() const override { return url_.path; }

  absl::StatusOr<AskedText> ReadAll(const std::stop_token& stop) override {
    ASSIGN_OR_RETURN(std::unique_ptr<Program> program, Program::Start(CallOf("scan"), stop));
    ASSIGN_OR_RETURN(const std::optional<Encoding> encoding, EncodingOf(url_));
    ASSIGN_OR_RETURN(DecodedText decoded,
                     DecodeText(std::move(program), encoding, "", Printable(url_.path)));
    ASSIGN_OR_RETURN(std::unique_ptr<ProgramText> begun,
                     ProgramText::Begin(std::move(decoded.text), url_.path));
    const ProgramText* const framed = begun.get();  // lives in `whole`
    constexpr size_t kHeadBytes = 4096;
    ASSIGN_OR_RETURN(std::string head, ReadHead(*begun, kHeadBytes));
    AskedText text;
    const size_t first = head.find_first_not_of(" \t\r\n");
    text.is_csv = first != std::string::npos && head[first] != '{' && head[first] != '[';
    const std::unique_ptr<ByteStream> whole = WithHead(std::move(head), std::move(begun));
    const std::string place =
        framed->has_first_line() ? " of its output, its first line not counted" : " of its output";
    ASSIGN_OR_RETURN(text.spool, Spool::Of(*whole, url_.path, place, SpoolOptions()));
    text.records = framed->records();
    if (!framed->is_snapshot()) {
      text.not_one_state = Printable(url_.path) +
                           " does not promise that its output is of one moment (docs/exec.md)";
    }
    return text;
  }

  absl::StatusOr<std::optional<std::string>> Answer(std::string_view keys,
                                                    const std::stop_token& stop) override {
    ASSIGN_OR_RETURN(const merkle::UniqueFd input, FileWith(keys));
    ProgramCall call = CallOf("lookup");
    call.input = input.get();
    ASSIGN_OR_RETURN(const std::unique_ptr<Program> program, Program::Start(call, stop));
    const absl::StatusOr<std::string> answers = ReadHead(*program, kAnswersMax);
    if (program->exit_status() == kUnknownVerb) return std::nullopt;
    RETURN_IF_ERROR(answers.status());
    if (answers->size() == kAnswersMax)
      return absl::ResourceExhaustedError("the answers of " + Printable(url_.path) +
                                          " to lookup take more than 256 MiB");
    return *answers;
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

  const StoreUrl url_;
  const ExecParameters parameters_;
  const ExecOptions options_;
};

// Dialects mean nothing to it.
StoreUrl JsonUrl(const StoreUrl& url) {
  StoreUrl json{"jsonl", url.path, {}};
  for (const char* const name : {"key", "columns"}) {
    const auto found = url.parameters.find(name);
    if (found != url.parameters.end()) json.parameters.insert(*found);
  }
  return json;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenExecStore(const StoreUrl& url,
                                                     const ExecOptions& options) {
  // Whatever text it turns out to write: CSV knows all that JSON Lines does.
  std::vector<std::string> known(kOwnParameters.begin(), kOwnParameters.end());
  known.insert(known.end(), CsvParameters().begin(), CsvParameters().end());
  RETURN_IF_ERROR(url.OnlyKnows(known));
  RETURN_IF_ERROR(OpenCsvStore(TextUrl(url, "csv")).status());
  ASSIGN_OR_RETURN(ExecParameters parameters, ParametersOf(url));
  AskedStoreOptions asked{url, TextUrl(url, "csv"), JsonUrl(url),
                          SourceIdentity({"exec", FileIdentity(url.path), url.ToString()}),
                          options.clock};
  return NewAskedStore(std::make_unique<ProgramSource>(url, std::move(parameters), options),
                       std::move(asked));
}

}  // namespace driftwood::agent
