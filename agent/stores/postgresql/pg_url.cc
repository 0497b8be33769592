#include "agent/stores/postgresql/pg_url.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "agent/source/messages.h"
#include "merkle/status_macros.h"
#include "merkle/text/names.h"
#include "merkle/text/redaction.h"

namespace driftwood::agent {
namespace {

const std::vector<std::string>& OwnParameters() {
  static const std::vector<std::string> names = {"table",   "where", "moved",
                                                 "deleted", "key",   "connections"};
  return names;
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool Has(const PgParameters& parameters, const std::string& name) {
  return std::any_of(parameters.begin(), parameters.end(),
                     [&](const auto& parameter) { return parameter.first == name; });
}

using ConninfoPointer = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

}  // namespace

absl::StatusOr<PgParameters> PgParametersOf(const StoreUrl& url) {
  char* error = nullptr;
  const std::string text = "postgresql:" + url.path;
  const ConninfoPointer parsed(PQconninfoParse(text.c_str(), &error), PQconninfoFree);
  if (parsed == nullptr) {
    std::string message = error == nullptr ? "no memory" : PgMessage(error);
    PQfreemem(error);
    return absl::InvalidArgumentError("store URL \"" + merkle::Redacted(url.ToString()) +
                                      "\": " + message);
  }
  PgParameters parameters;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) parameters.emplace_back(option->keyword, option->val);
  }
  std::vector<std::string> known = OwnParameters();
  for (const char* const name : {"host", "hostaddr", "port", "user", "dbname", "passfile",
                                 "service", "options", "connect_timeout", "sslmode"}) {
    known.emplace_back(name);
  }
  const ConninfoPointer all(PQconndefaults(), PQconninfoFree);
  for (const auto& [name, value] : url.parameters) {
    if (Contains(OwnParameters(), name)) continue;
    bool is_libpq = false;
    for (const PQconninfoOption* o = all.get(); o != nullptr && o->keyword != nullptr; ++o) {
      is_libpq = is_libpq || name == o->keyword;
    }
    // Those would make what we send and what we are sent something else.
    if (!is_libpq || name == "replication" || name == "client_encoding") {
      return absl::InvalidArgumentError(
          "store URL \"" + url.WithoutParameters() + "\": unknown parameter \"" + Printable(name) +
          "\"" + DidYouMean(name, known) + " (known: " + ListNames(known) + " and all of libpq)");
    }
    std::erase_if(parameters, [&n = name](const auto& parameter) { return parameter.first == n; });
    parameters.emplace_back(name, *url.Parameter(name));
  }
  if (url.password) parameters.emplace_back("password", *url.password);
  // A server that has gone away without a word is noticed.
  const std::pair<const char*, const char*> defaults[] = {
      {"connect_timeout", "10"},     {"keepalives_idle", "30"},
      {"keepalives_interval", "10"}, {"keepalives_count", "3"},
      {"tcp_user_timeout", "60000"}, {"fallback_application_name", "driftwood"}};
  for (const auto& [name, value] : defaults) {
    if (!Has(parameters, name)) parameters.emplace_back(name, value);
  }
  return parameters;
}

}  // namespace driftwood::agent
