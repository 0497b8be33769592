// What the benches share: time taken, medians, and the plain hashing that they compare with.
#pragma once

#include <openssl/evp.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace driftwood {

struct Times {
  double wall = 0;
  double cpu = 0;  // of this process, not of a server
};

inline double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

template <typename Function>
Times Measure(const Function& function) {
  const double cpu = CpuSeconds();
  const auto start = std::chrono::steady_clock::now();
  function();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          CpuSeconds() - cpu};
}

inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// One SHA-256 with a fetched algorithm and a reused context.
class Sha256 {
 public:
  Sha256() : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {}
  ~Sha256() {
    EVP_MD_CTX_free(context_);
    EVP_MD_free(algorithm_);
  }
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Begin() { EVP_DigestInit_ex2(context_, algorithm_, nullptr); }
  void Update(const void* data, size_t size) { EVP_DigestUpdate(context_, data, size); }
  void End() {
    unsigned char digest[32];
    EVP_DigestFinal_ex(context_, digest, nullptr);
    all_ ^= digest[0];
  }
  unsigned char all() const { return all_; }

 private:
  EVP_MD* algorithm_;
  EVP_MD_CTX* context_;
  unsigned char all_ = 0;  // so that no work is left out
};

}  // namespace driftwood
