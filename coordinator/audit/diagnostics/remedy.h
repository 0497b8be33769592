// What to say in a command so that values are read as meant: options, and parameters of a source's
// URL. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "merkle/record/schema.h"

namespace driftwood::coordinator {

// What the explanation knows of a replica.
struct ExplainedReplica {
  // Which parameters its sources' URLs take.
  enum class Store : uint8_t { kOther, kJsonLines, kCsv };

  std::string name;
  Store store = Store::kOther;
  std::string table{};  // which options must name with its columns; empty: they need not
};

// "--types v=integer"; "" if that is the column's type. All replicas have one `table`.
std::string TypesOption(const merkle::Column& column, std::string_view type,
                        const std::string& table);
// "--zone left:at=UTC+2,right:at=UTC": of each replica the minutes that its local times are ahead
// of UTC. Only offsets that a zone may have.
std::string ZoneOption(const std::vector<std::pair<std::string, int64_t>>& zones,
                       const std::string& column, const std::string& table);
// "null=NULL in the URL of right"
std::string UrlOption(std::string_view parameter, const std::string& replica);
// "A and B"; the one that is not empty.
std::string Both(const std::string& a, const std::string& b);

}  // namespace driftwood::coordinator
