#include "coordinator/peer/connector.h"

#include <algorithm>

#include "merkle/text/display.h"
#include "merkle/text/names.h"
#include "merkle/text/percent.h"
#include "merkle/text/redaction.h"
#include "merkle/text/store_password.h"

namespace driftwood::coordinator {

namespace {

constexpr char kForms[] =
    "postgresql://USER@HOST/DB?table=T, mysql://USER@HOST/DB?table=T, sqlite:PATH?table=T, "
    "csv:PATH?key=a,b, jsonl:PATH?key=a, "
    "lmdb:PATH?db=NAME, "
    "agent:HOST:PORT/DATASET or agent:unix:PATH/DATASET";

constexpr std::string_view kTokenFileParameter = "?token_file=";

// What can be named, and for a database server the variable from which its client library takes the
// password.
struct Kind {
  std::string_view scheme;
  const char* password_variable;  // null: it knows no password
};
constexpr Kind kKinds[] = {{"postgresql", "PGPASSWORD"},
                           {"postgres", "PGPASSWORD"},
                           {"mysql", "MYSQL_PWD"},
                           {"mariadb", "MYSQL_PWD"},
                           {"sqlite", nullptr},
                           {"csv", nullptr},
                           {"tsv", nullptr},
                           {"jsonl", nullptr},
                           {"lmdb", nullptr},
                           {"agent", nullptr}};

const Kind* FindKind(std::string_view scheme) {
  for (const Kind& kind : kKinds) {
    if (kind.scheme == scheme) return &kind;
  }
  return nullptr;
}

std::vector<std::string> Schemes() {
  std::vector<std::string> schemes;
  for (const Kind& kind : kKinds) schemes.emplace_back(kind.scheme);
  return schemes;
}

bool IsPort(const std::string& text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "orders.csv": what a store URL for it would look like; empty if its name does not say.
std::string UrlFor(const std::string& path) {
  static constexpr struct {
    const char* ending;
    const char* scheme;
    const char* parameters;
  } kEndings[] = {{".csv", "csv", "?key=COLUMN"},
                  {".tsv", "tsv", "?key=COLUMN"},
                  {".jsonl", "jsonl", "?key=COLUMN"},
                  {".ndjson", "jsonl", "?key=COLUMN"},
                  {".db", "sqlite", "?table=TABLE"},
                  {".sqlite", "sqlite", "?table=TABLE"},
                  {".sqlite3", "sqlite", "?table=TABLE"},
                  {".mdb", "lmdb", ""},
                  {".lmdb", "lmdb", ""}};
  for (const auto& kind : kEndings) {
    if (Lowercase(path).ends_with(kind.ending)) {
      return std::string(kind.scheme) + ":" + path + kind.parameters;
    }
  }
  return "";
}

absl::Status BadAgentUrl(const std::string& url) {
  return absl::InvalidArgumentError(
      "'" + merkle::Redacted(url) +
      "' is no agent's address; wanted agent:HOST:PORT/DATASET or agent:unix:PATH/DATASET, and "
      "perhaps ?token_file=PATH behind it");
}

absl::StatusOr<ReplicaSpec> ParseAgent(ReplicaSpec spec) {
  std::string rest = spec.url.substr(spec.url.find(':') + 1);
  if (const size_t query = rest.rfind(kTokenFileParameter); query != std::string::npos) {
    spec.token_file = PercentDecode(rest.substr(query + kTokenFileParameter.size()));
    if (spec.token_file.empty()) return BadAgentUrl(spec.url);
    rest.resize(query);
  }
  const size_t slash = rest.rfind('/');
  if (slash == std::string::npos || slash + 1 == rest.size() || slash == 0) {
    return BadAgentUrl(spec.url);
  }
  spec.running_agent = true;
  spec.address = rest.substr(0, slash);
  spec.dataset = rest.substr(slash + 1);
  if (spec.address.starts_with("unix:")) {
    if (spec.address.size() == 5) return BadAgentUrl(spec.url);
    return spec;
  }
  const size_t colon = spec.address.rfind(':');
  // An agent knows no users: what has an '@' is another server's.
  if (spec.url.find('@') != std::string::npos) return BadAgentUrl(spec.url);
  if (colon == std::string::npos || colon == 0 || !IsPort(spec.address.substr(colon + 1))) {
    return BadAgentUrl(spec.url);
  }
  return spec;
}

}  // namespace

absl::StatusOr<ReplicaSpec> ParseReplicaSpec(const std::string& name, const std::string& given) {
  merkle::UrlWithoutPassword split = merkle::TakePassword(given);
  ReplicaSpec spec;
  spec.name = name;
  spec.url = split.url;
  spec.password = std::move(split.password);
  const std::string& url = spec.url;
  const std::string shown = merkle::Redacted(given);
  if (!split.other_secret.empty()) {
    return absl::InvalidArgumentError("'" + shown + "': " + Printable(split.other_secret) +
                                      " can't be given in a URL; a password is given as password=");
  }
  const size_t colon = url.find(':');
  if (colon == std::string::npos || colon == 0) {
    const std::string likely = colon == 0 ? "" : UrlFor(shown);
    return absl::InvalidArgumentError(
        "'" + shown + "' is no store URL; " +
        (likely.empty() ? std::string("wanted ") + kForms : "did you mean '" + likely + "'?"));
  }
  const std::string scheme = url.substr(0, colon);
  if (scheme == "agent") return ParseAgent(std::move(spec));
  const Kind* const kind = FindKind(scheme);
  if (kind == nullptr) {
    return absl::InvalidArgumentError("unknown kind of store '" + merkle::Redacted(scheme) +
                                      "' in '" + shown + "'" + DidYouMean(scheme, Schemes()) +
                                      "; wanted " + kForms);
  }
  if (kind->password_variable != nullptr && url.compare(colon, 3, "://") != 0) {
    return absl::InvalidArgumentError("'" + shown + "' is no store URL; wanted " + scheme +
                                      "://USER@HOST/DB?table=T");
  }
  if (spec.password && kind->password_variable == nullptr) {
    return absl::InvalidArgumentError("'" + shown + "': a " + scheme +
                                      " store takes no password; leave it out");
  }
  if (merkle::MayHoldAPassword(url)) {
    return absl::InvalidArgumentError("'" + shown +
                                      "': " + std::string(merkle::kWhereThePasswordEnds));
  }
  return spec;
}

std::string PasswordVariable(const std::string& url) {
  const Kind* const kind = FindKind(std::string_view(url).substr(0, url.find(':')));
  return kind == nullptr || kind->password_variable == nullptr ? "" : kind->password_variable;
}

std::string StorePath(const std::string& url) {
  const size_t colon = url.find(':');
  const size_t begin = colon == std::string::npos ? 0 : colon + 1;
  const size_t query = url.rfind('?');
  const size_t end = query == std::string::npos || query < begin ? url.size() : query;
  return PercentDecode(std::string_view(url).substr(begin, end - begin));
}

}  // namespace driftwood::coordinator
