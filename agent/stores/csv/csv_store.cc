#include "agent/stores/csv/csv_store.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "agent/source/messages.h"
#include "agent/stores/csv/csv_delimiter.h"
#include "agent/stores/csv/csv_parser.h"
#include "agent/stores/text/text_input.h"
#include "merkle/record/reading.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

struct CsvOptions {
  CsvDialect dialect;
  bool header = true;
  bool finds_delimiter = false;      // in the header: nothing in the URL says it
  std::vector<std::string> columns;  // given, where there is no header
  std::vector<std::string> key;
  std::optional<Encoding> encoding;
};

// The column names and where the records begin.
struct CsvLayout {
  CsvDialect dialect;  // with the file's line end
  std::optional<char> found_delimiter;
  std::vector<std::string> columns;
  uint64_t first_record = 0;
  uint64_t end = 0;  // of the records
  std::optional<uint64_t> records_estimate;
};

absl::Status CheckNames(const std::string& what, const std::vector<std::string>& names) {
  std::map<std::string_view, size_t> places;  // there may be very many
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string place = "column " + std::to_string(i + 1);
    if (names[i].empty())
      return absl::InvalidArgumentError(what + ": " + place + " has no name; give it one");
    const auto [first, is_new] = places.emplace(names[i], i);
    if (!is_new)
      return absl::InvalidArgumentError(what + ": columns " + std::to_string(first->second + 1) +
                                        " and " + std::to_string(i + 1) + " are both named " +
                                        Printable(names[i]) + "; rename one");
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
  RETURN_IF_ERROR(url.OnlyKnows({"key", "header", "columns", "null", "delimiter", "dialect",
                                 "quote", "escape", "encoding", "decimal", "true", "false"}));
  CsvOptions options;
  ASSIGN_OR_RETURN(options.dialect, CsvDialectOf(url));
  const std::string header = url.Parameter("header").value_or("yes");
  if (header != "yes" && header != "no")
    return absl::InvalidArgumentError("header=" + Printable(header) + ": say yes or no");
  options.header = header == "yes";
  options.columns = url.List("columns");
  if (options.header && !options.columns.empty())
    return absl::InvalidArgumentError(
        "columns= names the columns of a file without header: add header=no, or leave it out");
  if (!options.header && options.columns.empty())
    return absl::InvalidArgumentError(
        "header=no: name the file's columns with columns=a,b,... in their order");
  RETURN_IF_ERROR(CheckNames("columns=", options.columns));
  options.finds_delimiter = options.header && url.scheme == "csv" && !url.Parameter("delimiter") &&
                            !url.Parameter("dialect");
  options.key = url.List("key");
  ASSIGN_OR_RETURN(options.encoding, EncodingOf(url));
  return options;
}

absl::StatusOr<CsvLayout> ReadLayout(const ByteSource& source, const std::string& path,
                                     const CsvOptions& options, const ChunkOptions& chunks) {
  CsvLayout layout;
  layout.dialect = options.dialect;
  if (options.finds_delimiter) {
    ASSIGN_OR_RETURN(layout.found_delimiter,
                     DetectDelimiter(source, path, options.dialect, chunks));
    layout.dialect.delimiter = layout.found_delimiter.value_or(options.dialect.delimiter);
  }
  ASSIGN_OR_RETURN(const CsvFirstRecord first,
                   ReadFirstCsvRecord(source, layout.dialect, options.header, chunks));
  // Without a header the scan reports what is wrong, as it does with every record.
  layout.dialect.line_end = first.line_end;
  layout.records_estimate = first.records_estimate;
  if (!options.header) {
    layout.columns = options.columns;
    layout.first_record = first.begin;
    ASSIGN_OR_RETURN(layout.end, EndOfCsvRecords(source, layout.first_record, layout.columns.size(),
                                                 layout.dialect));
    if (layout.records_estimate && first.present) ++*layout.records_estimate;
    return layout;
  }
  if (first.error) return DescribeRecordError(source, path, *first.error);
  if (!first.present)
    return absl::InvalidArgumentError(
        Printable(path) +
        " is empty: expected a header line with the column names; give it one, or say "
        "in its URL how its columns are called, as in '?header=no&columns=a,b'");
  layout.columns = NamedByPlace(first.fields);
  RETURN_IF_ERROR(CheckNames(Printable(path) + ", line 1", layout.columns));
  layout.first_record = first.end;
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

// A header that is one name with a delimiter in it: most likely another one than was said.
std::string OneColumnWarning(const CsvLayout& layout) {
  if (layout.columns.size() != 1) return "";
  for (const char delimiter : {';', '\t', '|', ','}) {
    if (layout.columns[0].find(delimiter) == std::string::npos) continue;
    const std::string name = DelimiterName(delimiter);
    return "it has one column, named " + Printable(layout.columns[0]) +
           "; if its fields are separated otherwise, add delimiter=" + name +
           " to its URL, as in 'csv:FILE?delimiter=" + name + "'";
  }
  return "";
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
  std::string reading = "csv4 " + std::string(options.header ? "header" : "no-header");
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
                SpoolOptions()}) {}

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
    if (const std::string warning = OneColumnWarning(layout); !warning.empty())
      description.warnings.push_back(warning);
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
