#include "proto/contract/store_kind.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace driftwood {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const StoreKindDescription& kind) {
  Json endings = Json::array();
  for (const auto& [ending, scheme] : kind.endings) {
    endings.push_back({{"ending", ending}, {"scheme", scheme}});
  }
  return {{"schemes", kind.schemes},
          {"url_form", kind.url_form},
          {"database_form", kind.database_form},
          {"endings", std::move(endings)},
          {"magic", kind.magic},
          {"is_server", kind.is_server},
          {"password_variable", kind.password_variable}};
}

// False: no such member, or of another type.
bool Take(const Json& object, const char* name, std::string* out) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return false;
  *out = found->get<std::string>();
  return true;
}

bool FromJson(const Json& object, StoreKindDescription* kind) {
  if (!object.is_object()) return false;
  const Json schemes = object.value("schemes", Json());
  const Json endings = object.value("endings", Json());
  const Json is_server = object.value("is_server", Json());
  if (!schemes.is_array() || schemes.empty() || !endings.is_array() || !is_server.is_boolean()) {
    return false;
  }
  for (const Json& scheme : schemes) {
    if (!scheme.is_string()) return false;
    kind->schemes.push_back(scheme.get<std::string>());
  }
  for (const Json& one : endings) {
    StoreKindDescription::FileEnding& added = kind->endings.emplace_back();
    if (!one.is_object() || !Take(one, "ending", &added.ending) ||
        !Take(one, "scheme", &added.scheme)) {
      return false;
    }
  }
  kind->is_server = is_server.get<bool>();
  return Take(object, "url_form", &kind->url_form) &&
         Take(object, "database_form", &kind->database_form) &&
         Take(object, "magic", &kind->magic) &&
         Take(object, "password_variable", &kind->password_variable);
}

}  // namespace

const StoreKindDescription* FindStoreKind(const StoreKinds& kinds, std::string_view scheme) {
  for (const StoreKindDescription& kind : kinds) {
    const auto& schemes = kind.schemes;
    if (std::find(schemes.begin(), schemes.end(), scheme) != schemes.end()) return &kind;
  }
  return nullptr;
}

std::vector<std::string> AllSchemes(const StoreKinds& kinds) {
  std::vector<std::string> schemes;
  for (const StoreKindDescription& kind : kinds) {
    schemes.insert(schemes.end(), kind.schemes.begin(), kind.schemes.end());
  }
  return schemes;
}

std::string AllUrlForms(const StoreKinds& kinds) {
  std::string forms;
  for (const StoreKindDescription& kind : kinds) {
    forms += (forms.empty() ? "" : ", ") + kind.url_form;
  }
  return forms;
}

std::string StoreKindsText(const StoreKinds& kinds) {
  Json array = Json::array();
  for (const StoreKindDescription& kind : kinds) array.push_back(ToJson(kind));
  return array.dump(/*indent=*/2) + "\n";
}

absl::StatusOr<StoreKinds> ParseStoreKinds(std::string_view text) {
  const Json array = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const absl::Status malformed = absl::DataLossError(
      "the agent's list of the stores that it can read is none; run the same version of both "
      "programs");
  if (!array.is_array()) return malformed;
  StoreKinds kinds;
  for (const Json& object : array) {
    if (!FromJson(object, &kinds.emplace_back())) return malformed;
  }
  return kinds;
}

}  // namespace driftwood
