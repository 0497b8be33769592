// Writes files of LMDB.
#pragma once

#include <lmdb.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>

#include "merkle/check.h"

namespace driftwood::testing {

// Writes one transaction. The environment is closed again: LMDB allows one for each process.
inline void WriteLmdb(const std::filesystem::path& path, unsigned env_flags,
                      const std::function<void(MDB_txn*)>& change) {
  MDB_env* env = nullptr;
  DRIFTWOOD_CHECK(mdb_env_create(&env) == 0);
  mdb_env_set_maxdbs(env, 16);
  mdb_env_set_mapsize(env, size_t{256} << 20);
  DRIFTWOOD_CHECK(mdb_env_open(env, path.c_str(), env_flags, 0600) == 0);
  MDB_txn* txn = nullptr;
  DRIFTWOOD_CHECK(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  change(txn);
  DRIFTWOOD_CHECK(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
}

// `database`: null for the main one.
inline void PutLmdb(MDB_txn* txn, const char* database, unsigned flags, std::string key,
                    std::string value) {
  MDB_dbi dbi = 0;
  DRIFTWOOD_CHECK(mdb_dbi_open(txn, database, flags | MDB_CREATE, &dbi) == 0);
  MDB_val k{key.size(), key.data()};
  MDB_val v{value.size(), value.data()};
  DRIFTWOOD_CHECK(mdb_put(txn, dbi, &k, &v, 0) == 0);
}

}  // namespace driftwood::testing
