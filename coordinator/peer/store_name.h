// From what a person types for a copy of the data to a store's URL: a file may be named without its
// kind, where its name or its first bytes say it. Looks at the file system.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "merkle/os/clock.h"
#include "proto/contract/store_kind.h"

namespace driftwood::coordinator {

// The kinds of stores that our own agents can read. Asked only where there is a store's URL.
using StoreKindsSource = std::function<absl::StatusOr<StoreKinds>()>;

// The file or directory of a store URL ("csv:a%20b.csv?key=id": "a b.csv").
std::string StorePath(const std::string& url);

// `given` as a URL of one of `kinds`:
// - what begins with the scheme of a kind, or "agent:", is a URL, and stays as it is;
// - else, what is the name of a file as a whole is that file, also with '?' and ':' in it;
// - else, with parameters ("?name=value") behind it, the file before them.
// InvalidArgument: it could be two of these, or the file's kind can't be told; the message has the
// URLs to write.
absl::StatusOr<std::string> StoreUrlOf(const std::string& given, const StoreKinds& kinds);

// Each of `stores` as a URL; one of which that can't be said stays as it is, and is for
// ParseReplicaSpec() to refuse. Kinds are asked for only where something is no agent's.
void NameStores(const StoreKindsSource& kinds, std::vector<std::string>* stores);

// In the URLs of files that come each day, date=today and date=yesterday as the days that they are
// at `now`: one comparison has one day, however long it takes and however many agents read for it.
// A running agent's URL is its own matter.
void NameDays(merkle::WallTime now, std::vector<std::string>* stores);

}  // namespace driftwood::coordinator
