#include "coordinator/peer/connector.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/names.h"
#include "merkle/text/percent.h"
#include "merkle/text/redaction.h"
#include "merkle/text/store_password.h"
#include "proto/contract/database_table.h"
#include "proto/contract/standard_input.h"

namespace driftwood::coordinator {

namespace {

constexpr char kAgentForms[] = "agent:HOST:PORT/DATASET or agent:unix:PATH/DATASET";
constexpr char kTokenFile[] = "token_file";
const std::vector<std::string>& AgentParameters() {
  static const std::vector<std::string> names = {kTokenFile, "table", "rename", "zone"};
  return names;
}

std::string Forms(const StoreKinds& kinds) {
  const std::string forms = AllUrlForms(kinds);
  return forms + (forms.empty() ? "" : ", ") + kAgentForms;
}

bool IsPort(const std::string& text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

absl::Status BadAgentUrl(const std::string& url) {
  return absl::InvalidArgumentError("'" + merkle::Redacted(url) +
                                    "' is no agent's address; expected " + kAgentForms +
                                    ", and perhaps ?token_file=PATH behind it");
}

absl::Status BadParameter(const std::string& url, const std::string& why) {
  return absl::InvalidArgumentError("'" + merkle::Redacted(url) + "': " + why);
}

// Where the parameters begin; the end if there are none. A socket's path may have a '?' of its own.
size_t ParametersOf(const std::string& rest) {
  size_t begin = rest.size();
  for (const std::string& name : AgentParameters()) {
    begin = std::min(begin, rest.rfind("?" + name + "="));
  }
  return begin;
}

// Those of a table become part of the dataset's name, as they are.
absl::Status TakeParameters(std::string_view text, ReplicaSpec* spec) {
  std::string of_table;
  while (!text.empty()) {
    const std::string pair(text.substr(1, text.find('&', 1) - 1));
    text.remove_prefix(pair.size() + 1);
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string name = pair.substr(0, equals);
    if (name != kTokenFile) {
      of_table += (of_table.empty() ? "?" : "&") + pair;
    } else if (equals + 1 < pair.size() && spec->token_file.empty()) {
      spec->token_file = PercentDecode(pair.substr(equals + 1));
    } else {
      return BadAgentUrl(spec->url);
    }
  }
  if (of_table.empty()) return absl::OkStatus();
  spec->dataset += of_table;
  const absl::Status known = ParseDatabaseTable(spec->dataset).status();
  return known.ok() ? known : BadParameter(spec->url, std::string(known.message()));
}

absl::Status CheckAddress(const ReplicaSpec& spec) {
  if (spec.address.starts_with("unix:")) {
    return spec.address.size() == 5 ? BadAgentUrl(spec.url) : absl::OkStatus();
  }
  const size_t colon = spec.address.rfind(':');
  const bool is_address =
      colon != std::string::npos && colon > 0 && IsPort(spec.address.substr(colon + 1));
  // An agent knows no users: what has an '@' is another server's.
  const bool is_other = spec.url.find('@') != std::string::npos;
  return is_address && !is_other ? absl::OkStatus() : BadAgentUrl(spec.url);
}

absl::StatusOr<ReplicaSpec> ParseAgent(ReplicaSpec spec) {
  const std::string rest = spec.url.substr(spec.url.find(':') + 1);
  const size_t parameters = ParametersOf(rest);
  const std::string place = rest.substr(0, parameters);
  const size_t slash = place.rfind('/');
  if (slash == std::string::npos || slash + 1 == place.size() || slash == 0) {
    return BadAgentUrl(spec.url);
  }
  spec.running_agent = true;
  spec.address = place.substr(0, slash);
  spec.dataset = place.substr(slash + 1);
  RETURN_IF_ERROR(CheckAddress(spec));
  if (const size_t mark = spec.dataset.find('?'); mark != std::string::npos) {
    const std::string name = spec.dataset.substr(mark + 1, spec.dataset.find('=') - mark - 1);
    return BadParameter(spec.url, "unknown parameter '" + merkle::Redacted(name) + "'" +
                                      DidYouMean(name, AgentParameters()));
  }
  RETURN_IF_ERROR(TakeParameters(std::string_view(rest).substr(parameters), &spec));
  return spec;
}

}  // namespace

absl::StatusOr<ReplicaSpec> ParseReplicaSpec(const std::string& name, const std::string& typed,
                                             const StoreKindsSource& store_kinds) {
  std::string given = typed;
  StoreKinds kinds;
  if (!typed.starts_with("agent:")) {
    ASSIGN_OR_RETURN(kinds, store_kinds());
    ASSIGN_OR_RETURN(given, StoreUrlOf(typed, kinds));
  }
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
  const std::string scheme = colon == std::string::npos ? "" : url.substr(0, colon);
  if (scheme == "agent") return ParseAgent(std::move(spec));
  if (scheme.empty()) {
    return absl::InvalidArgumentError("'" + shown + "' is no store URL and no file; expected " +
                                      Forms(kinds));
  }
  const StoreKindDescription* const kind = FindStoreKind(kinds, scheme);
  if (kind == nullptr) {
    std::vector<std::string> known = AllSchemes(kinds);
    known.push_back("agent");
    return absl::InvalidArgumentError("unknown kind of store '" + merkle::Redacted(scheme) +
                                      "' in '" + shown + "'" + DidYouMean(scheme, known) +
                                      "; expected " + Forms(kinds));
  }
  if (kind->is_server && url.compare(colon, 3, "://") != 0) {
    return absl::InvalidArgumentError("'" + shown + "' is no store URL; expected " +
                                      kind->url_form);
  }
  if (spec.password && kind->password_variable.empty()) {
    return absl::InvalidArgumentError("'" + shown + "': a " + scheme +
                                      " store takes no password; leave it out");
  }
  if (merkle::MayHoldAPassword(url)) {
    return absl::InvalidArgumentError("'" + shown +
                                      "': " + std::string(merkle::kWhereThePasswordEnds));
  }
  spec.password_variable = kind->password_variable;
  return spec;
}

bool MapsColumns(const ReplicaSpec& spec) {
  return !spec.running_agent || NamesTable(spec.dataset);
}

std::string StoreIdentity(const std::string& url) {
  const size_t server = url.find("://");
  const size_t colon = url.find(':');
  if (server != std::string::npos && server == colon) return url;
  const size_t query = url.rfind('?');
  const size_t path_end = query == std::string::npos || query < colon ? url.size() : query;
  std::error_code error;
  const std::filesystem::path path = StorePath(url);
  // What a pipe of a process leads to is another one in each run: /proc/1234/fd/pipe:[5678].
  const bool is_pipe = IsStandardInput(path.string()) || std::filesystem::is_fifo(path, error);
  const std::filesystem::path canonical =
      is_pipe ? path
              : std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  return url.substr(0, colon) + '\0' + (error ? path : canonical).string() + '\0' +
         url.substr(path_end);
}

bool IsReadOnce(const ReplicaSpec& spec) {
  if (spec.running_agent || spec.url.find("://") != std::string::npos) return false;
  std::error_code error;
  return ReadsStandardInput(spec) || std::filesystem::is_fifo(StorePath(spec.url), error);
}

bool ReadsStandardInput(const ReplicaSpec& spec) {
  return !spec.running_agent && IsStandardInput(StorePath(spec.url));
}

}  // namespace driftwood::coordinator
