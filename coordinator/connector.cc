#include "coordinator/connector.h"

#include <algorithm>

#include "coordinator/text.h"

namespace driftwood::coordinator {

namespace {

constexpr char kForms[] =
    "sqlite:PATH?table=T, csv:PATH?key=a,b, jsonl:PATH?key=a, lmdb:PATH?db=NAME, "
    "agent:HOST:PORT/DATASET or agent:unix:PATH/DATASET";

const std::vector<std::string>& Schemes() {
  static const std::vector<std::string> schemes = {"sqlite", "csv",  "tsv",
                                                   "jsonl",  "lmdb", "agent"};
  return schemes;
}

bool IsPort(const std::string& text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

absl::Status BadAgentUrl(const std::string& url) {
  return absl::InvalidArgumentError(
      "'" + url +
      "' is no agent's address; wanted agent:HOST:PORT/DATASET or agent:unix:PATH/DATASET");
}

absl::StatusOr<ReplicaSpec> ParseAgent(ReplicaSpec spec) {
  const std::string rest = spec.url.substr(spec.url.find(':') + 1);
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
  if (colon == std::string::npos || colon == 0 || !IsPort(spec.address.substr(colon + 1))) {
    return BadAgentUrl(spec.url);
  }
  return spec;
}

}  // namespace

absl::StatusOr<ReplicaSpec> ParseReplicaSpec(const std::string& name, const std::string& url) {
  ReplicaSpec spec;
  spec.name = name;
  spec.url = url;
  const size_t colon = url.find(':');
  if (colon == std::string::npos || colon == 0) {
    return absl::InvalidArgumentError("'" + url + "' is no store URL; wanted " + kForms);
  }
  const std::string scheme = url.substr(0, colon);
  if (scheme == "agent") return ParseAgent(std::move(spec));
  if (std::find(Schemes().begin(), Schemes().end(), scheme) == Schemes().end()) {
    return absl::InvalidArgumentError("unknown kind of store '" + scheme + "' in '" + url + "'" +
                                      DidYouMean(scheme, Schemes()) + "; wanted " + kForms);
  }
  return spec;
}

}  // namespace driftwood::coordinator
