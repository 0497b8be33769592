#include "agent/stores/sqlite/sqlite_reader.h"

#include <utility>

namespace driftwood::agent {

SqliteReaders::SqliteReaders(std::shared_ptr<IdleConnections> idle, const std::string& path)
    : idle_(std::move(idle)), kind_("sqlite " + path) {}

std::optional<SqliteReader> SqliteReaders::Take(const std::stop_token& stop) const {
  if (idle_ == nullptr) return std::nullopt;
  for (;;) {
    const IdleConnections::Connection taken = idle_->Take(kind_);
    if (taken == nullptr) return std::nullopt;
    SqliteReader reader = std::move(*static_cast<SqliteReader*>(taken.get()));
    reader.connection->StopWith(stop);
    // In the transaction: nobody who uses SQLite writes from now on.
    if (!reader.connection->BeginSnapshot().ok()) continue;
    if (reader.watch->WhyNotOneState(*reader.connection).empty()) return reader;
  }
}

void SqliteReaders::Give(SqliteReader reader) const {
  if (idle_ == nullptr || reader.watch == nullptr || reader.watch->HasLog()) return;
  if (!reader.connection->EndSnapshot()) return;
  idle_->Give(kind_, {new SqliteReader(std::move(reader)),
                      [](void* held) { delete static_cast<SqliteReader*>(held); }});
}

}  // namespace driftwood::agent
