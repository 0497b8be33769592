// What it costs to hash a record whose long bodies are hashed by themselves, by the length from
// which on they are: beside a record that is hashed as it is. Each round measures all limits, one
// after the other; the ratios are medians over the rounds. And what a numeric of PostgreSQL costs,
// from its binary form to its bytes.
//
//   encoding_bench [--rounds=N]
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory_resource>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "agent/index/row_encoder.h"
#include "agent/stores/postgresql/pg_rows.h"
#include "bench/measure.h"
#include "merkle/check.h"
#include "merkle/hash/batch_hasher.h"
#include "merkle/hash/digest.h"
#include "merkle/hash/sha256_lanes.h"
#include "merkle/record/encoding.h"
#include "merkle/record/hashed_form.h"

namespace driftwood {
namespace {

constexpr size_t kLimits[] = {SIZE_MAX, 64, 128, 256};

// Records of one text each, all of one length.
struct Records {
  std::string key;
  std::vector<std::string> texts;

  Records(size_t bytes, size_t count) {
    merkle::AppendInteger(7, merkle::Place::kKeyLast, &key);
    for (size_t i = 0; i < count; ++i) {
      texts.emplace_back(bytes, static_cast<char>('a' + i % 26));
    }
  }
};

uint64_t HashAll(const Records& records, size_t limit, merkle::RecordHasher* hasher,
                 merkle::BodyHasher* bodies) {
  std::string value;
  uint64_t all = 0;
  for (const std::string& text : records.texts) {
    value.clear();
    merkle::AppendText(text, merkle::Place::kValue, &value);
    if (text.size() > limit) merkle::HashLongColumn(0, bodies, &value);
    all += hasher->Hash(records.key, value).low;
  }
  return all;
}

void CompareLimits(size_t bytes, int rounds) {
  const merkle::DigestKey key = merkle::DigestKey::Random();
  merkle::RecordHasher hasher(key);
  merkle::BodyHasher bodies(key);
  const size_t count = std::max<size_t>(20, 20'000'000 / (bytes + 200));
  const Records records(bytes, std::min<size_t>(count, 2000));
  const size_t times = count / records.texts.size() + 1;
  const double hashed = static_cast<double>(times * records.texts.size());
  std::vector<std::vector<double>> seconds(std::size(kLimits));
  uint64_t all = 0;
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < std::size(kLimits); ++i) {
      seconds[i].push_back(Measure([&] {
                             for (size_t n = 0; n < times; ++n) {
                               all += HashAll(records, kLimits[i], &hasher, &bodies);
                             }
                           }).cpu);
    }
  }
  std::printf("%8zu %10.0f", bytes, Median(seconds[0]) / hashed * 1e9);
  for (size_t i = 1; i < std::size(kLimits); ++i) {
    std::vector<double> ratios;
    for (int round = 0; round < rounds; ++round) {
      ratios.push_back(seconds[i][static_cast<size_t>(round)] /
                       seconds[0][static_cast<size_t>(round)]);
    }
    std::printf("  x %.2f", Median(ratios));
  }
  std::printf("  (%d)\n", static_cast<int>(all % 7));
  std::fflush(stdout);
}

uint64_t HashBatch(const Records& records, size_t limit, bool in_lanes, merkle::BatchHasher* batch,
                   merkle::BodyHasher* bodies) {
  std::string value;
  std::vector<merkle::Digest> digests;
  for (const std::string& text : records.texts) {
    value.clear();
    merkle::AppendText(text, merkle::Place::kValue, &value);
    if (text.size() > limit && in_lanes && batch->TakesBody(text.size())) {
      batch->AddBody(std::string_view(value).substr(merkle::kHeadBytes), merkle::kHeadBytes);
      value.resize(merkle::kHeadBytes + merkle::BodyHasher::kBytes);
    } else if (text.size() > limit) {
      merkle::HashLongColumn(0, bodies, &value);
    }
    batch->Add(records.key, value, &digests);
  }
  batch->Flush(&digests);
  uint64_t all = 0;
  for (const merkle::Digest& digest : digests) all += digest.low;
  return all;
}

// On a processor without SHA instructions records are hashed in lanes: as they are, with bodies
// hashed one by one, and with those in lanes too.
void CompareLanes(const merkle::Sha256Lanes& lanes, size_t bytes, int rounds) {
  const merkle::DigestKey key = merkle::DigestKey::Random();
  merkle::BatchHasher batch(key, &lanes);
  merkle::BodyHasher bodies(key);
  const Records records(bytes, 2000);
  constexpr size_t kTimes = 30;
  std::vector<double> whole, alone, together, ratios_alone, ratios_together;
  uint64_t all = 0;
  const auto measure = [&](size_t limit, bool in_lanes) {
    return Measure([&] {
             for (size_t n = 0; n < kTimes; ++n) {
               all += HashBatch(records, limit, in_lanes, &batch, &bodies);
             }
           })
        .cpu;
  };
  for (int round = 0; round < rounds; ++round) {
    whole.push_back(measure(SIZE_MAX, false));
    alone.push_back(measure(merkle::kBodyBytesMax, false));
    together.push_back(measure(merkle::kBodyBytesMax, true));
    ratios_alone.push_back(alone.back() / whole.back());
    ratios_together.push_back(together.back() / whole.back());
  }
  std::printf("%8zu %10.0f  x %.2f  x %.2f  (%d)\n", bytes, Median(whole) / 60'000 * 1e9,
              Median(ratios_alone), Median(ratios_together), static_cast<int>(all % 7));
  std::fflush(stdout);
}

// A value of many megabytes, from the source to its digest.
void BenchLongValue(int rounds) {
  constexpr size_t kBytes = size_t{256} << 20;
  const merkle::DigestKey key = merkle::DigestKey::Random();
  const std::string text(kBytes, 'x');
  const std::vector<agent::SourceValue> row = {agent::SourceValue::Int64(7),
                                               agent::SourceValue::Bytes(text)};
  agent::RowEncoder encoder(
      {{{"k", merkle::ColumnType::kInteger}}, {{"v", merkle::ColumnType::kBytes}}}, {}, key);
  std::vector<double> ours, plain;
  for (int round = 0; round < rounds; ++round) {
    Sha256 sha;
    plain.push_back(Measure([&] {
                      sha.Begin();
                      sha.Update(text.data(), text.size());
                      sha.End();
                    }).cpu);
    ours.push_back(Measure([&] { DRIFTWOOD_CHECK(encoder.EncodeHashed(row).ok()); }).cpu);
  }
  std::printf("one value of 256 MiB: %.2f GB/s, one SHA-256 of it %.2f GB/s\n",
              static_cast<double>(kBytes) / Median(ours) / 1e9,
              static_cast<double>(kBytes) / Median(plain) / 1e9);
}

// numeric_send() of an amount of cents: groups of four digits, the last two of the last one 00.
std::string WireNumeric(uint64_t cents) {
  std::vector<uint16_t> groups = {static_cast<uint16_t>(cents % 100 * 100)};
  for (uint64_t whole = cents / 100; whole > 0; whole /= 10'000) {
    groups.insert(groups.begin(), static_cast<uint16_t>(whole % 10'000));
  }
  std::string wire;
  const auto put = [&wire](size_t number) {
    wire += static_cast<char>(number >> 8);
    wire += static_cast<char>(number & 0xFF);
  };
  put(groups.size());
  put(groups.size() - 2);
  put(0);
  put(2);
  for (const uint16_t group : groups) put(group);
  return wire;
}

// Amounts from 1.00 to `max`, evenly spread over the numbers of digits: from PostgreSQL's binary
// form, and from their text, to their canonical bytes.
void BenchNumeric(uint64_t cents_max, int rounds) {
  constexpr size_t kColumns = 8;
  constexpr size_t kRows = 512;
  constexpr size_t kTimes = 200;
  merkle::Schema schema;
  schema.key = {{"k", merkle::ColumnType::kInteger}};
  for (size_t i = 0; i < kColumns; ++i) {
    schema.values.push_back({"v" + std::to_string(i), merkle::ColumnType::kDecimal});
  }
  agent::RowEncoder encoder(schema, {});
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> digits(2, std::log10(static_cast<double>(cents_max)));
  std::vector<std::string> wires, texts;
  for (size_t i = 0; i < kRows * kColumns; ++i) {
    const auto cents = static_cast<uint64_t>(std::pow(10, digits(random)));
    wires.push_back(WireNumeric(cents));
    texts.push_back(std::to_string(cents));
    texts.back().insert(texts.back().size() - 2, ".");
  }
  std::vector<agent::SourceValue> row(1 + kColumns);
  row[0] = agent::SourceValue::Int64(7);
  std::vector<char> room(size_t{1} << 16);
  std::pmr::monotonic_buffer_resource arena(room.data(), room.size());
  const auto measure = [&](const auto& value_of) {
    const double seconds = Measure([&] {
                             for (size_t n = 0; n < kRows * kTimes; ++n) {
                               const size_t first = n % kRows * kColumns;
                               for (size_t i = 0; i < kColumns; ++i)
                                 value_of(first + i, &row[1 + i]);
                               DRIFTWOOD_CHECK(encoder.Encode(row).ok());
                               arena.release();
                             }
                           }).cpu;
    return seconds / (kRows * kTimes * kColumns) * 1e9;
  };
  std::vector<double> binary, text;
  for (int round = 0; round < rounds; ++round) {
    binary.push_back(measure([&](size_t i, agent::SourceValue* value) {
      DRIFTWOOD_CHECK(agent::DecodePgValue(agent::PgForm::kNumeric, wires[i], &arena, value).ok());
    }));
    text.push_back(measure([&](size_t i, agent::SourceValue* value) {
      *value = agent::SourceValue::OfText(agent::SourceValue::Kind::kNumber, texts[i]);
    }));
  }
  std::printf("numeric to %llu.%02llu: %.1f ns a value, from its text %.1f\n",
              static_cast<unsigned long long>(cents_max / 100),
              static_cast<unsigned long long>(cents_max % 100), Median(binary), Median(text));
}

int Main(int argc, char** argv) {
  int rounds = 15;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--rounds=")) rounds = std::atoi(argv[i] + 9);
  }
  BenchNumeric(99'999'999, rounds);
  BenchNumeric(99'999'999'999'999'999, rounds);
  std::printf("   bytes  ns a record  64 / 128 / 256\n");
  for (const size_t bytes :
       {16u, 60u, 100u, 130u, 200u, 260u, 400u, 700u, 1000u, 2000u, 10'000u, 100'000u}) {
    CompareLimits(bytes, rounds);
  }
  BenchLongValue(rounds);
  for (const merkle::Sha256Lanes& lanes : merkle::RunnableSha256Lanes()) {
    std::printf("%s\n   bytes  ns a record  bodies one by one / in lanes\n", lanes.name);
    for (const size_t bytes : {16u, 100u, 130u, 200u, 400u, 700u, 900u}) {
      CompareLanes(lanes, bytes, rounds);
    }
  }
  return 0;
}

}  // namespace
}  // namespace driftwood

int main(int argc, char** argv) { return driftwood::Main(argc, argv); }
