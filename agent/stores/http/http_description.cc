#include "agent/stores/http/http_description.h"

#include <cstdlib>
#include <filesystem>

#include "agent/source/messages.h"
#include "merkle/config/config_files.h"
#include "merkle/config/config_reader.h"
#include "merkle/os/private_path.h"
#include "merkle/record/type_names.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr size_t kSecretBytesMax = 64 << 10;

class DescriptionReader {
 public:
  DescriptionReader(std::filesystem::path folder, ConfigReader* root)
      : folder_(std::move(folder)), root_(root) {}

  HttpDescription Read() {
    ReadBase();
    if (auto headers = root_->Table("headers")) {
      description_.client.headers = Parameters(&*headers);
      for (const auto& [name, value] : description_.client.headers) {
        if (value.find_first_of("\r\n") != std::string::npos) {
          headers->Refuse(name, "a header has one line");
        }
      }
    }
    description_.deleted = Mark("deleted");
    description_.moved = Mark("moved");
    ReadColumns();
    ReadList();
    ReadLookup();
    ReadManners();
    root_->RefuseOthers();
    return std::move(description_);
  }

 private:
  void ReadBase() {
    description_.base = root_->Text("base").value_or("");
    const bool is_http =
        description_.base.starts_with("https://") || description_.base.starts_with("http://");
    if (!is_http) {
      root_->Refuse("base", "base is where the API is, as in \"https://api.example.com/v1\"");
    }
    while (description_.base.ends_with('/')) description_.base.pop_back();
    const size_t host = description_.base.find("://");
    const size_t path = description_.base.find('/', host + 3);
    if (is_http && description_.base.substr(0, path).find('@') != std::string::npos) {
      root_->Refuse("base", "a password in an address shows; put it into [headers]");
    }
    if (root_->Has("key")) {
      description_.key = root_->Texts("key").value_or(std::vector<std::string>());
    }
  }

  JsonPointer Pointer(ConfigReader* table, const std::string& name) {
    const std::optional<std::string> text = table->Text(name);
    return text ? Parse(table, name, *text) : JsonPointer();
  }
  JsonPointer Parse(ConfigReader* table, const std::string& name, const std::string& text) {
    absl::StatusOr<JsonPointer> pointer = JsonPointer::Parse(text);
    if (!pointer.ok()) table->Refuse(name, std::string(pointer.status().message()));
    return pointer.ok() ? *std::move(pointer) : JsonPointer();
  }

  // Names of the user's own, each with a text, or with a table that says where a secret is.
  HttpParameters Parameters(ConfigReader* table) {
    HttpParameters parameters;
    for (const std::string& name : table->Names()) {
      if (auto text = table->HasTable(name) ? SecretOf(table, name) : table->Text(name)) {
        parameters.emplace_back(name, *std::move(text));
      }
    }
    return parameters;
  }

  std::optional<std::string> SecretOf(ConfigReader* table, const std::string& name) {
    std::optional<ConfigReader> secret = table->Table(name);
    if (!secret) return std::nullopt;
    const auto variable = secret->Text("env");
    const auto file = secret->Text("file");
    const std::string before = secret->Text("before").value_or("");
    secret->RefuseOthers();
    if (variable.has_value() == file.has_value()) {
      table->Refuse(name,
                    "a secret is { env = \"NAME\" } or { file = \"PATH\" }, perhaps with "
                    "before = \"Bearer \"");
      return std::nullopt;
    }
    if (variable) {
      const char* const value = std::getenv(variable->c_str());
      if (value == nullptr) {
        secret->Refuse("env", "the environment has no variable " + Printable(*variable));
        return std::nullopt;
      }
      return before + value;
    }
    absl::StatusOr<std::string> text =
        merkle::ReadSecretFile(PathBeside(folder_, *file), "the secret's file", kSecretBytesMax);
    if (!text.ok()) {
      secret->Refuse("file", std::string(text.status().message()));
      return std::nullopt;
    }
    while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
    return before + *text;
  }

  void ReadColumns() {
    std::optional<ConfigReader> columns = root_->Table("columns");
    if (!columns) return;
    for (const std::string& name : columns->Names()) {
      if (!columns->HasTable(name)) {
        description_.columns.emplace_back(name, Pointer(&*columns, name));
      } else if (auto column = columns->Table(name)) {
        ReadColumn(name, &*column);
      }
    }
  }

  // { at = "/total", type = "decimal" }
  void ReadColumn(const std::string& name, ConfigReader* column) {
    description_.columns.emplace_back(name, Pointer(column, "at"));
    if (!column->Has("at")) {
      column->Refuse("at", "say where the column is: { at = \"/total\", type = \"decimal\" }");
    }
    const std::optional<std::string> type_name = column->Text("type");
    column->RefuseOthers();
    if (!type_name) return;
    const std::optional<merkle::ValueType> type = merkle::ValueTypeFromAnyName(*type_name);
    if (!type) {
      column->Refuse("type", merkle::NoSuchType(*type_name));
    } else if (type->type == merkle::ColumnType::kDynamic) {
      column->Refuse("type", "leave type out where each value has its own");
    } else {
      description_.types.emplace(name, *type);
    }
  }

  void ReadList() {
    std::optional<ConfigReader> list = root_->Table("list");
    if (!list) {
      return root_->Refuse("list", "[list] says where the records are: path = \"/users\"");
    }
    description_.list_path = PathOf(&*list);
    description_.records = Pointer(&*list, "records");
    if (auto parameters = list->Table("parameters")) {
      description_.list_parameters = Parameters(&*parameters);
    }
    if (const auto total = list->Text("total")) {
      description_.total = Parse(&*list, "total", *total);
    }
    ReadPaging(&*list);
    description_.absent_is_last = list->Flag("absent_is_last").value_or(false);
    list->RefuseOthers();
  }

  std::string PathOf(ConfigReader* table) {
    const std::string path = table->Text("path").value_or("");
    if (!path.starts_with('/')) {
      table->Refuse("path", "path goes on from base and begins with a slash, as in \"/users\"");
    }
    return path;
  }

  void ReadPaging(ConfigReader* list) {
    std::vector<std::string> ways;
    for (const char* const way : {"cursor", "next", "link", "page", "offset"}) {
      if (list->Has(way)) ways.emplace_back(way);
    }
    if (ways.empty()) return;
    if (ways.size() > 1) {
      list->Refuse(ways[1], "there is one way from page to page, and " + ways[0] + " says it");
    }
    if (auto cursor = ways[0] == "cursor" ? list->Table("cursor") : std::nullopt) {
      description_.paging = HttpPaging::kCursor;
      description_.next = Pointer(&*cursor, "at");
      description_.parameter = cursor->Text("parameter").value_or("");
      if (description_.parameter.empty() || !cursor->Has("at")) {
        list->Refuse("cursor",
                     "write where the cursor is and which parameter takes it: "
                     "{ at = \"/next_cursor\", parameter = \"cursor\" }");
      }
      cursor->RefuseOthers();
    } else if (ways[0] == "next") {
      description_.paging = HttpPaging::kNext;
      description_.next = Pointer(list, "next");
    } else if (ways[0] == "link") {
      description_.paging = HttpPaging::kLink;
      if (list->Flag("link") == false) list->Refuse("link", "say true, or leave it out");
    } else if (ways[0] == "page" || ways[0] == "offset") {
      description_.paging = ways[0] == "page" ? HttpPaging::kPage : HttpPaging::kOffset;
      description_.parameter = list->Text(ways[0]).value_or("");
      if (description_.parameter.empty()) {
        list->Refuse(ways[0],
                     "write which parameter counts, as in " + ways[0] + " = \"" + ways[0] + "\"");
      }
    }
  }

  std::vector<int64_t> Statuses(ConfigReader* table, const std::string& name,
                                std::vector<int64_t> by_default) {
    if (!table->Has(name)) return by_default;
    std::vector<int64_t> statuses;
    for (const uint64_t status : table->Counts(name).value_or(std::vector<uint64_t>())) {
      if (status < 400 || status > 499) {
        table->Refuse(name, "these are statuses of 400 to 499, as in [404, 410]; no other says it");
        break;
      }
      statuses.push_back(static_cast<int64_t>(status));
    }
    return statuses;
  }

  // What makes a record count as none.
  std::optional<JsonPointer> Mark(const std::string& name) {
    const std::optional<std::string> text = root_->Text(name);
    if (!text) return std::nullopt;
    if (text->empty()) root_->Refuse(name, "this points to a member, as in \"/" + name + "\"");
    description_.filter +=
        (description_.filter.empty() ? "not " : " and not ") + Printable(*text, 256);
    return Parse(root_, name, *text);
  }

  void ReadLookup() {
    std::optional<ConfigReader> lookup = root_->Table("lookup");
    if (!lookup) return;
    description_.lookup_path = PathOf(&*lookup);
    description_.record = Pointer(&*lookup, "record");
    description_.gone = Statuses(&*lookup, "gone", {404, 410});
    for (const int64_t status : description_.gone) {
      if (status != 401 && status != 403 && status != 429) continue;
      lookup->Refuse("gone", "401, 403 and 429 never say that a record is gone");
      break;
    }
    description_.hidden = Statuses(&*lookup, "hidden", {401, 403});
    lookup->RefuseOthers();
  }

  void ReadManners() {
    HttpClientOptions& client = description_.client;
    if (const auto rate = root_->Count("rate")) {
      client.rate_max = static_cast<double>(*rate);
      if (*rate == 0) root_->Refuse("rate", "rate is requests a second, 1 or more");
    }
    if (const auto concurrency = root_->Count("concurrency")) {
      client.concurrency = *concurrency;
      if (*concurrency < 1 || *concurrency > 64) {
        root_->Refuse("concurrency", "concurrency is how many requests there are at once, 1 to 64");
      }
    }
    if (const auto tries = root_->Count("tries")) {
      client.tries_max = *tries;
      if (*tries < 1 || *tries > 20) root_->Refuse("tries", "say 1 to 20");
    }
    if (const auto time = root_->Time("timeout")) {
      client.time_max = *time;
      if (time->count() <= 0) root_->Refuse("timeout", "say how long one try may take: \"60s\"");
    }
    if (const auto pause = root_->Time("pause_max")) client.pause_max = *pause;
    if (const auto ca_file = root_->Text("ca_file")) client.ca_file = PathBeside(folder_, *ca_file);
    client.proxy = root_->Text("proxy").value_or("");
    client.allow_plain = root_->Flag("plain_http").value_or(false);
    client.allow_link_local = root_->Flag("link_local").value_or(false);
  }

  const std::filesystem::path folder_;
  ConfigReader* const root_;
  HttpDescription description_;
};

}  // namespace

absl::StatusOr<HttpDescription> ParseHttpDescription(const std::string& text,
                                                     const std::string& path) {
  ParsedConfig parsed = ParseConfig(text);
  HttpDescription description;
  if (parsed.mistakes.empty()) {
    ConfigReader root(parsed.root, "", &parsed.mistakes);
    description = DescriptionReader(std::filesystem::path(path).parent_path(), &root).Read();
  }
  if (parsed.mistakes.empty()) return description;
  std::string lines;
  for (const std::string& line : MistakeLines(path, std::move(parsed.mistakes))) {
    lines += (lines.empty() ? "" : "; ") + line;
  }
  return absl::InvalidArgumentError(lines);
}

absl::StatusOr<HttpDescription> ReadHttpDescription(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadConfigFile(path));
  return ParseHttpDescription(text, path);
}

}  // namespace driftwood::agent
