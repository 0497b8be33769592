#include "agent/stores/csv/csv_store.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "agent/source/messages.h"
#include "agent/stores/csv/csv_delimiter.h"
#include "agent/stores/csv/csv_parser.h"
#include "agent/stores/text/json_beginning.h"
#include "agent/stores/text/text_input.h"
#include "merkle/record/reading.h"
#include "merkle/status_macros.h"
#include "merkle/text/percent.h"
#include "merkle/text/shell_word.h"

namespace driftwood::agent {
namespace {

struct CsvOptions {
  CsvDialect dialect;
  bool header = true;                // there is one
  bool names_said = false;           // and its names count for nothing: `columns` do
  bool finds_delimiter = false;      // in the header: nothing in the URL says it
  std::vector<std::string> columns;  // given, where no header names them
  std::vector<std::string> key;
  std::optional<Encoding> encoding;
  StoreUrl url;  // for messages that say what to write
};

// The column names and where the records begin.
struct CsvLayout {
  CsvDialect dialect;  // with the file's line end
  std::optional<char> found_delimiter;
  std::string doubt;  // that it has one column only, in words
  std::vector<std::string> columns;
  uint64_t first_record = 0;
  uint64_t end = 0;  // of the records
  std::optional<uint64_t> records_estimate;
};

// With more columns than that nobody pastes a list of them.
constexpr size_t kListedMax = 30;

// The same file under such names for its columns, as a URL to be pasted; or how to write one.
std::string UnderNames(const StoreUrl& url, const std::vector<std::string>& names) {
  if (names.size() > kListedMax) {
    return "say all names in its URL, with header=skip&columns=a,b,c";
  }
  std::string list;
  for (const std::string& name : names) {
    list += (list.empty() ? "" : ",") + PercentEncode(name, "%,?&#");
  }
  StoreUrl named = url.With("header", "skip");
  named.parameters["columns"] = list;
  return "say all names in its URL, as in " + ShellWord(named.ToString());
}

// "name" beside another "name" is "name_2".
std::vector<std::string> ToldApart(std::vector<std::string> names) {
  std::set<std::string> taken(names.begin(), names.end());
  std::set<std::string_view> seen;
  for (std::string& name : names) {
    if (!seen.insert(name).second) {
      size_t number = 2;
      while (!taken.insert(name + "_" + std::to_string(number)).second) ++number;
      name += "_" + std::to_string(number);
      seen.insert(name);
    }
  }
  return names;
}

// `advice`: what to do about a name that is there twice.
absl::Status CheckNames(
    const std::string& what, const std::vector<std::string>& names,
    const std::function<std::string()>& advice = [] { return std::string("rename one"); }) {
  std::map<std::string_view, size_t> places;  // there may be very many
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string place = "column " + std::to_string(i + 1);
    if (names[i].empty())
      return absl::InvalidArgumentError(what + ": " + place + " has no name; give it one");
    const auto [first, is_new] = places.emplace(names[i], i);
    if (!is_new)
      return absl::InvalidArgumentError(what + ": columns " + std::to_string(first->second + 1) +
                                        " and " + std::to_string(i + 1) + " are both named " +
                                        Printable(names[i]) + "; " + advice());
  }
  return absl::OkStatus();
}

// Programs write columns without a name: a row number before the others, empty ones behind. Such a
// column is called by its place, and compared like the others.
std::vector<std::string> NamedByPlace(std::vector<std::string> names) {
  if (names.size() == 1) return names;  // a blank line is no header
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i].empty()) names[i] = "column_" + std::to_string(i + 1);
  return names;
}

absl::StatusOr<CsvOptions> ParseOptions(const StoreUrl& url) {
  RETURN_IF_ERROR(url.OnlyKnows(CsvParameters()));
  CsvOptions options;
  ASSIGN_OR_RETURN(options.dialect, CsvDialectOf(url));
  const std::string header = url.Parameter("header").value_or("yes");
  if (header != "yes" && header != "no" && header != "skip")
    return absl::InvalidArgumentError("header=" + Printable(header) + ": say yes, no or skip");
  options.header = header != "no";
  options.names_said = header == "skip";
  options.columns = url.List("columns");
  if (header == "yes" && !options.columns.empty())
    return absl::InvalidArgumentError(
        "columns= names the columns of a file without header: add header=no, or header=skip in "
        "place of those that its header has, or leave it out");
  if (header != "yes" && options.columns.empty())
    return absl::InvalidArgumentError("header=" + header +
                                      ": name the file's columns with columns=a,b,... in their "
                                      "order");
  RETURN_IF_ERROR(CheckNames("columns=", options.columns));
  options.finds_delimiter = options.header && url.scheme == "csv" && !url.Parameter("delimiter") &&
                            !url.Parameter("dialect");
  options.key = url.List("key");
  options.url = url;
  ASSIGN_OR_RETURN(options.encoding, EncodingOf(url));
  return options;
}

// No header begins as an object does.
absl::Status CheckIsNoJson(const ByteSource& source, const std::string& name,
                           const CsvOptions& options) {
  ASSIGN_OR_RETURN(const bool is_json, BeginsAsJson(source));
  if (!is_json) return absl::OkStatus();
  return absl::InvalidArgumentError(Printable(name) +
                                    " holds JSON and no CSV, as its beginning shows; write " +
                                    ShellWord("jsonl:" + PercentEncode(options.url.path, "%?")));
}

// Why names that can be read may not be meant; empty: they may well be.
std::string DoubtNames(const std::vector<std::string>& names, const CsvOptions& options) {
  const auto is_quoted = [](const std::string& name) {
    return name.size() > 1 && name.starts_with('\'') && name.ends_with('\'');
  };
  if (std::all_of(names.begin(), names.end(), is_quoted)) {
    return "its names stand in single quotes; if its fields do, say so in its URL, as in " +
           ShellWord(options.url.With("quote", "'").ToString());
  }
  const auto unnamed = std::count(names.begin(), names.end(), "");
  if (names.size() > 2 && static_cast<size_t>(unnamed) == names.size() - 1) {
    return "its first line names one column of " + std::to_string(names.size()) +
           "; if that is a title, pass it by, as in: tail -n +2 " + ShellWord(options.url.path) +
           " | driftwood csv:- …";
  }
  return "";
}

// Programs leave out the name of the first column (row numbers) or end each record with a
// delimiter. Says how to read the file, if the records after the header have one field more.
absl::StatusOr<std::string> AdviceOnMissingName(const ByteSource& source, const CsvLayout& layout,
                                                const CsvOptions& options,
                                                const ChunkOptions& chunks) {
  constexpr int kRecords = 2;  // one alone may be malformed
  ChunkOptions short_ones = chunks;
  short_ones.record_bytes_max = std::min(chunks.record_bytes_max, ChunkOptions().chunk_bytes);
  uint64_t begin = layout.first_record;
  bool at_end = true;
  for (int i = 0; i < kRecords; ++i) {
    ASSIGN_OR_RETURN(
        const CsvFirstRecord record,
        ReadFirstCsvRecord(source, layout.dialect, /*header=*/false, short_ones, begin));
    if (i > 0 && record.error) break;  // it says no more
    if (!record.present || record.error || record.fields.size() != layout.columns.size() + 1) {
      return std::string();
    }
    at_end = at_end && record.fields.back().empty();
    begin = record.end;
  }
  std::vector<std::string> names = layout.columns;
  const std::string name = "column_" + std::to_string(at_end ? names.size() + 1 : 1);
  names.insert(at_end ? names.end() : names.begin(), name);
  return "its records have one field more than its header; " +
         UnderNames(options.url, ToldApart(std::move(names)));
}

// In one column the character by which old programs end a file may be the last value.
absl::Status CheckEndOfOneColumn(const ByteSource& source, const std::string& name,
                                 const CsvOptions& options, uint64_t first_record) {
  ASSIGN_OR_RETURN(const bool has_mark, EndsInMark(source, first_record));
  if (!has_mark) return absl::OkStatus();
  return absl::InvalidArgumentError(
      Printable(name) +
      ": its last line is the character Ctrl-Z (0x1A) alone, by which old programs end a file, and "
      "which may be a value here; leave it out, as in: head -c -1 " +
      ShellWord(options.url.path) + " | driftwood csv:- …");
}

absl::StatusOr<CsvLayout> ReadLayout(const ByteSource& source, const std::string& path,
                                     const CsvOptions& options, const ChunkOptions& chunks) {
  CsvLayout layout;
  layout.dialect = options.dialect;
  if (options.header) RETURN_IF_ERROR(CheckIsNoJson(source, path, options));
  ASSIGN_OR_RETURN(const SeparatorReading separator,
                   PassSeparatorLine(source, path, options.url, options.dialect, options.header,
                                     options.columns.size(), chunks));
  layout.doubt = separator.doubt;
  if (separator.delimiter) layout.dialect.delimiter = *separator.delimiter;
  if (separator.begin == 0 && options.finds_delimiter) {
    ASSIGN_OR_RETURN(layout.found_delimiter,
                     DetectDelimiter(source, path, options.dialect, chunks));
    layout.dialect.delimiter = layout.found_delimiter.value_or(options.dialect.delimiter);
  }
  ASSIGN_OR_RETURN(
      const CsvFirstRecord first,
      ReadFirstCsvRecord(source, layout.dialect, options.header, chunks, separator.begin));
  // Without a header the scan reports what is wrong, as it does with every record.
  layout.dialect.line_end = first.line_end;
  layout.records_estimate = first.records_estimate;
  if (!options.header || options.names_said) {
    layout.columns = options.columns;
    layout.first_record = options.header ? first.end : first.begin;
    if (options.header && first.error) return DescribeRecordError(source, path, *first.error);
    if (layout.columns.size() == 1) {
      RETURN_IF_ERROR(CheckEndOfOneColumn(source, path, options, layout.first_record));
    }
    ASSIGN_OR_RETURN(layout.end, EndOfCsvRecords(source, layout.first_record, layout.columns.size(),
                                                 layout.dialect));
    if (!options.header && layout.records_estimate && first.present) ++*layout.records_estimate;
    return layout;
  }
  if (first.error) return DescribeRecordError(source, path, *first.error);
  if (!first.present)
    return absl::InvalidArgumentError(
        Printable(path) +
        " is empty: expected a header line with the column names; give it one, or say "
        "in its URL how its columns are called, as in '?header=no&columns=a,b'");
  layout.columns = NamedByPlace(first.fields);
  RETURN_IF_ERROR(CheckNames(Printable(path) + ", line 1", layout.columns,
                             [&] { return UnderNames(options.url, ToldApart(layout.columns)); }));
  if (layout.columns.size() == 1) {
    RETURN_IF_ERROR(CheckEndOfOneColumn(source, path, options, first.end));
    ASSIGN_OR_RETURN(layout.doubt,
                     DoubtOneColumn(source, first.begin, options.url, layout.dialect));
  }
  if (layout.doubt.empty()) layout.doubt = DoubtNames(first.fields, options);
  layout.first_record = first.end;
  ASSIGN_OR_RETURN(const std::string advice, AdviceOnMissingName(source, layout, options, chunks));
  if (!advice.empty()) return absl::InvalidArgumentError(Printable(path) + ": " + advice);
  ASSIGN_OR_RETURN(layout.end, EndOfCsvRecords(source, layout.first_record, layout.columns.size(),
                                               layout.dialect));
  return layout;
}

// Which columns have canonical integers only, as far as rows are given to it.
class IntegerColumns final : public RowSink {
 public:
  explicit IntegerColumns(size_t columns) : only_(columns, true) {}
  absl::Status Row(std::span<const SourceValue> row, uint64_t /*origin*/) override {
    for (size_t i = 0; i < row.size(); ++i) {
      only_[i] = only_[i] && (row[i].kind == SourceValue::Kind::kNull ||
                              merkle::IsCanonicalInteger(row[i].text));
    }
    return absl::OkStatus();
  }
  const std::vector<bool>& only() const { return only_; }

 private:
  std::vector<bool> only_;
};

// Of the first chunk, which is a small file as a whole. A scan finds what is wrong with a record.
absl::StatusOr<std::vector<bool>> LookForIntegers(const ByteSource& source, const std::string& name,
                                                  const CsvLayout& layout,
                                                  const ChunkOptions& options) {
  const size_t columns = layout.columns.size();
  ASSIGN_OR_RETURN(auto slots, SlotsOfPlan(name, layout.columns, layout.columns));
  const CsvDecoder decoder(layout.dialect, std::move(slots), columns);
  RecordChunks chunks(source, layout.first_record, layout.end, options, decoder.NewRecordEnds());
  ASSIGN_OR_RETURN(RecordChunks::Step step, chunks.Next());
  IntegerColumns integers(columns);
  if (Chunk* const chunk = std::get_if<Chunk>(&step)) decoder.Decode(*chunk, integers);
  return integers.only();
}

// Who compares sees what was found, and may know better.
void SayDelimiter(const CsvLayout& layout, SourceDescription* description) {
  if (!layout.found_delimiter) return;
  const std::string name = DelimiterName(*layout.found_delimiter);
  description->found_parameter = "delimiter=" + name;
  if (*layout.found_delimiter == ',') return;
  description->warnings.push_back("its fields are separated by the " + name +
                                  ", as its header shows; delimiter=" + name +
                                  " in its URL says so");
}

std::string ReadingOf(const CsvOptions& options) {
  std::string reading = std::string("csv6 ") + (options.names_said ? "other-names"
                                                : options.header   ? "header"
                                                                   : "no-header");
  for (const std::string& name : options.columns)
    reading += " " + std::to_string(name.size()) + ":" + name;
  if (options.encoding)
    reading += " encoding " + std::to_string(static_cast<int>(*options.encoding));
  if (options.finds_delimiter) reading += " finds-delimiter";
  return reading + " " + options.dialect.ToString();
}

class CsvStore final : public Store {
 public:
  CsvStore(StoreUrl url, CsvOptions options, FileScanOptions scan_options)
      : url_(std::move(url)),
        options_(std::move(options)),
        scan_options_(std::move(scan_options)),
        input_({url_.path, options_.encoding, scan_options_.clock, scan_options_.standard_input,
                SpoolOptions(), scan_options_.spooled}) {}

  void StopWith(std::stop_token stop) override { stop_ = std::move(stop); }

  absl::StatusOr<SourceDescription> Describe() override {
    ASSIGN_OR_RETURN(const auto file, input_.Open(stop_));
    ASSIGN_OR_RETURN(const CsvLayout layout,
                     ReadLayout(*file, file->name(), options_, scan_options_.chunks));
    RETURN_IF_ERROR(CheckKeyColumns(file->name(), layout.columns, options_.key));
    SourceDescription description;
    description.source = url_.ToString();
    ASSIGN_OR_RETURN(const std::vector<bool> integers,
                     LookForIntegers(*file, file->name(), layout, scan_options_.chunks));
    for (size_t i = 0; i < layout.columns.size(); ++i) {
      SourceColumn& column = description.columns.emplace_back();
      column.name = layout.columns[i];
      column.integers = integers[i];
    }
    if (!layout.doubt.empty()) description.warnings.push_back(layout.doubt);
    SayDelimiter(layout, &description);
    description.key = options_.key;
    description.records_estimate = layout.records_estimate;
    description.bytes = file->size();
    description.identity = file->identity();
    return description;
  }

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    ASSIGN_OR_RETURN(auto file, input_.Open(stop_));
    // The header is read anew: the file may be another one than was described.
    ASSIGN_OR_RETURN(CsvLayout layout,
                     ReadLayout(*file, file->name(), options_, scan_options_.chunks));
    ASSIGN_OR_RETURN(auto slots, SlotsOfPlan(file->name(), layout.columns, columns));
    FileScanJob job;
    job.file = std::move(file);
    job.decoder = std::make_unique<CsvDecoder>(layout.dialect, std::move(slots), columns.size());
    job.first_record = layout.first_record;
    job.end = layout.end;
    job.chunks = scan_options_.chunks;
    job.reading = ReadingOf(options_);
    return NewFileScan(std::move(job));
  }

  absl::StatusOr<bool> IsUnchanged(std::string_view position) override {
    return input_.IsUnchanged(ReadingOf(options_), position);
  }

  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    ASSIGN_OR_RETURN(const auto file, input_.Open(stop_));
    return DescribeLine(*file, origin);
  }

 private:
  const StoreUrl url_;
  const CsvOptions options_;
  const FileScanOptions scan_options_;
  std::stop_token stop_;
  TextInput input_;
};

class TableSink final : public RowSink {
 public:
  explicit TableSink(CsvTable* table) : table_(table) {}
  absl::Status Row(std::span<const SourceValue> row, uint64_t origin) override {
    auto& fields = table_->rows.emplace_back();
    for (const SourceValue& value : row) {
      if (value.kind == SourceValue::Kind::kNull)
        fields.emplace_back();
      else
        fields.emplace_back(std::string(value.text));
    }
    table_->origins.push_back(origin);
    return absl::OkStatus();
  }

 private:
  CsvTable* const table_;
};

}  // namespace

const std::vector<std::string>& CsvParameters() {
  static const std::vector<std::string> names = {
      "key",    "header",   "columns", "null",      "delimiter", "dialect", "quote",
      "escape", "encoding", "decimal", "thousands", "true",      "false"};
  return names;
}

absl::StatusOr<std::unique_ptr<Store>> OpenCsvStore(const StoreUrl& url,
                                                    const FileScanOptions& options) {
  ASSIGN_OR_RETURN(CsvOptions csv_options, ParseOptions(url));
  return std::make_unique<CsvStore>(url, std::move(csv_options), options);
}

absl::StatusOr<CsvTable> ParseCsvText(const StoreUrl& url, std::string_view text,
                                      const ChunkOptions& options) {
  ASSIGN_OR_RETURN(const CsvOptions csv_options, ParseOptions(url));
  ASSIGN_OR_RETURN(const std::string decoded,
                   DecodeTextInMemory(text, csv_options.encoding, url.path));
  const MemorySource source(decoded);
  ASSIGN_OR_RETURN(CsvLayout layout, ReadLayout(source, url.path, csv_options, options));
  CsvTable table;
  table.columns = layout.columns;
  ASSIGN_OR_RETURN(auto slots, SlotsOfPlan(url.path, layout.columns, layout.columns));
  const CsvDecoder decoder(layout.dialect, std::move(slots), layout.columns.size());
  TableSink sink(&table);
  const ChunkDecoder::Result result =
      DecodeAll(source, layout.first_record, layout.end, options, decoder, sink);
  RETURN_IF_ERROR(result.sink);
  if (result.error) return DescribeRecordError(source, url.path, *result.error);
  return table;
}

}  // namespace driftwood::agent
