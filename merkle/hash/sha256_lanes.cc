#include "merkle/hash/sha256_lanes.h"

#include <utility>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace driftwood::merkle {
namespace {

#if defined(__x86_64__)

constexpr size_t kBlockWords = kSha256BlockBytes / 4;

// FIPS 180-4, 4.2.2.
constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// Vectors of the compiler (GCC's and clang's extension), so that one text serves every width: it is
// compiled once for each, inside a function that is allowed the instructions. Passed by reference
// only, since how they are passed by value depends on those.
template <size_t kLanes>
struct Lanes {
  using Vector [[gnu::vector_size(4 * kLanes)]] = uint32_t;

  template <int kBits>
  [[gnu::always_inline]] static inline void Rotate(const Vector& x, Vector* to) {
    *to = (x >> kBits) | (x << (32 - kBits));
  }

  // Σ and σ of 4.1.2, which ends with a shift instead of a rotation.
  template <int kFirst, int kSecond, int kThird, bool kShift>
  [[gnu::always_inline]] static inline void AddSigma(const Vector& x, Vector* to) {
    Vector first, second, third;
    Rotate<kFirst>(x, &first);
    Rotate<kSecond>(x, &second);
    if constexpr (kShift) {
      third = x >> kThird;
    } else {
      Rotate<kThird>(x, &third);
    }
    *to += first ^ second ^ third;
  }

  [[gnu::always_inline]] static inline void Load(const void* from, Vector* to) {
    __builtin_memcpy(to, from, sizeof *to);
  }

  // The bytes of each word reversed: messages are big-endian, these processors little-endian.
  [[gnu::always_inline]] static inline void Swap(Vector* x) {
    *x = (*x << 24) | ((*x << 8) & 0xff0000) | ((*x >> 8) & 0xff00) | (*x >> 24);
  }

  // Of the squares of kSize words in two rows that lie kSize apart, those off the diagonal change
  // places.
  template <size_t kSize, int... kColumns>
  [[gnu::always_inline]] static inline void Exchange(std::integer_sequence<int, kColumns...>,
                                                     Vector* upper, Vector* lower) {
    constexpr int kStep = static_cast<int>(kSize), kWidth = static_cast<int>(kLanes);
    const Vector a = *upper, b = *lower;
    *upper = __builtin_shufflevector(
        a, b, ((kColumns & kStep) == 0 ? kColumns : kWidth + kColumns - kStep)...);
    *lower = __builtin_shufflevector(
        a, b, ((kColumns & kStep) == 0 ? kColumns + kStep : kWidth + kColumns)...);
  }

  // Rows become columns: squares of half the size change places, then within each square.
  template <size_t kSize = kLanes / 2>
  [[gnu::always_inline]] static inline void Transpose(Vector* rows) {
    for (size_t i = 0; i < kLanes; ++i) {
      if ((i & kSize) != 0) continue;
      Exchange<kSize>(std::make_integer_sequence<int, static_cast<int>(kLanes)>(), &rows[i],
                      &rows[i + kSize]);
    }
    if constexpr (kSize > 1) Transpose<kSize / 2>(rows);
  }

  // The words of one block of each lane.
  [[gnu::always_inline]] static inline void LoadBlock(const unsigned char* messages, size_t stride,
                                                      Vector* words) {
    for (size_t part = 0; part < kBlockWords; part += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        Load(messages + lane * stride + 4 * part, &words[part + lane]);
      }
      Transpose(words + part);
    }
    for (size_t t = 0; t < kBlockWords; ++t) Swap(&words[t]);
  }

  // One step t of 6.2.2; what is called a to h changes places with each.
  [[gnu::always_inline]] static inline void Step(const Vector& a, const Vector& b, const Vector& c,
                                                 Vector* d, const Vector& e, const Vector& f,
                                                 const Vector& g, Vector* h, uint32_t constant,
                                                 const Vector& word) {
    Vector sum = *h + word + constant + (g ^ (e & (f ^ g)));
    AddSigma<6, 11, 25, false>(e, &sum);
    *d += sum;
    sum += (a & b) | (c & (a | b));
    AddSigma<2, 13, 22, false>(a, &sum);
    *h = sum;
  }

  [[gnu::always_inline]] static inline void Compress(uint32_t* state, const unsigned char* messages,
                                                     size_t blocks) {
    Vector s[kSha256StateWords];
    for (size_t i = 0; i < kSha256StateWords; ++i) Load(state + i * kLanes, &s[i]);
    for (size_t block = 0; block < blocks; ++block) {
      Vector w[kBlockWords];
      LoadBlock(messages + block * kSha256BlockBytes, blocks * kSha256BlockBytes, w);
      Vector a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
      for (size_t t = 0; t < 64; t += kBlockWords) {
        const uint32_t* const k = kRound + t;
        for (size_t i = 0; t > 0 && i < kBlockWords; ++i) {
          w[i] += w[(i + 9) % kBlockWords];
          AddSigma<7, 18, 3, true>(w[(i + 1) % kBlockWords], &w[i]);
          AddSigma<17, 19, 10, true>(w[(i + 14) % kBlockWords], &w[i]);
        }
        for (size_t i = 0; i < kBlockWords; i += 8) {
          Step(a, b, c, &d, e, f, g, &h, k[i], w[i]);
          Step(h, a, b, &c, d, e, f, &g, k[i + 1], w[i + 1]);
          Step(g, h, a, &b, c, d, e, &f, k[i + 2], w[i + 2]);
          Step(f, g, h, &a, b, c, d, &e, k[i + 3], w[i + 3]);
          Step(e, f, g, &h, a, b, c, &d, k[i + 4], w[i + 4]);
          Step(d, e, f, &g, h, a, b, &c, k[i + 5], w[i + 5]);
          Step(c, d, e, &f, g, h, a, &b, k[i + 6], w[i + 6]);
          Step(b, c, d, &e, f, g, h, &a, k[i + 7], w[i + 7]);
        }
      }
      s[0] += a, s[1] += b, s[2] += c, s[3] += d, s[4] += e, s[5] += f, s[6] += g, s[7] += h;
    }
    for (size_t i = 0; i < kSha256StateWords; ++i) {
      __builtin_memcpy(state + i * kLanes, &s[i], sizeof s[i]);
    }
  }
};

[[gnu::target("avx2")]] void CompressAvx2(uint32_t* state, const unsigned char* messages,
                                          size_t blocks) {
  Lanes<8>::Compress(state, messages, blocks);
}

[[gnu::target("avx512f")]] void CompressAvx512(uint32_t* state, const unsigned char* messages,
                                               size_t blocks) {
  Lanes<16>::Compress(state, messages, blocks);
}

bool HasShaInstructions() {
  constexpr unsigned kLeaf = 7;
  constexpr unsigned kShaBit = 1u << 29;  // of EBX
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(kLeaf, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & kShaBit) != 0;
}

#else

bool HasShaInstructions() { return true; }

#endif

}  // namespace

std::vector<Sha256Lanes> RunnableSha256Lanes() {
  std::vector<Sha256Lanes> runnable;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) runnable.push_back({"AVX-512", 16, CompressAvx512});
  if (__builtin_cpu_supports("avx2")) runnable.push_back({"AVX2", 8, CompressAvx2});
#endif
  return runnable;
}

const Sha256Lanes* BestSha256Lanes() {
  static const std::vector<Sha256Lanes> runnable = RunnableSha256Lanes();
  // Once: a virtual machine is left for each such question.
  static const bool has_sha = HasShaInstructions();
  return runnable.empty() || has_sha ? nullptr : &runnable.front();
}

}  // namespace driftwood::merkle
