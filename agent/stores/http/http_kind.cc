#include "agent/stores/http/http_kind.h"

#include "agent/stores/http/http_store.h"

namespace driftwood::agent {

const StoreKind& HttpKind() {
  static const StoreKind kind{
      {
          .schemes = {"http"},
          .url_form = "http:DESCRIPTION.toml",
      },
      [](const StoreUrl& url, const StoreOptions&) { return OpenHttpStore(url); },
      nullptr};
  return kind;
}

}  // namespace driftwood::agent
