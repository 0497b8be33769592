// What kinds of stores an agent can read, as it prints them (`driftwood-agent --stores`): all that
// a coordinator knows of them. Each kind describes itself in its directory
// (agent/source/store_kind.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace driftwood {

struct StoreKindDescription {
  std::vector<std::string> schemes;  // the first is its name: "postgresql", "postgres"
  std::string url_form;              // "postgresql://USER@HOST/DB?table=T"
  // The form of a database's URL, of whose tables there is a list; empty: it has none.
  std::string database_form{};
  // What a file of such a store is called, and by which scheme: {".csv", "csv"}.
  struct FileEnding {
    std::string ending;
    std::string scheme;

    friend bool operator==(const FileEnding&, const FileEnding&) = default;
  };
  std::vector<FileEnding> endings{};
  std::string magic{};     // how a file of such a store begins; empty: in no way of its own
  bool is_server = false;  // its URLs are "SCHEME://…"
  // The environment variable from which its agent takes a password; empty: it takes none.
  std::string password_variable{};

  friend bool operator==(const StoreKindDescription&, const StoreKindDescription&) = default;
};

using StoreKinds = std::vector<StoreKindDescription>;

// The kind with that scheme; null if there is none.
const StoreKindDescription* FindStoreKind(const StoreKinds& kinds, std::string_view scheme);
std::vector<std::string> AllSchemes(const StoreKinds& kinds);
// "postgresql://USER@HOST/DB?table=T, sqlite:PATH?table=T"
std::string AllUrlForms(const StoreKinds& kinds);

// JSON: an array with an object for each kind.
std::string StoreKindsText(const StoreKinds& kinds);
// DataLoss: not such an array. Members that are not known are passed over.
absl::StatusOr<StoreKinds> ParseStoreKinds(std::string_view text);

}  // namespace driftwood
