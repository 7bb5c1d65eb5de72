// FlatMap and TaskSet: what the engine keeps its tables in.
#include <cmath>
#include <map>
#include <set>

#include "../flat_map.hpp"
#include "../rng.hpp"
#include "../task_set.hpp"
#include "check.hpp"

using namespace unblink;

TEST("a flat map holds what a map holds, through many growths") {
  FlatMap<std::uint64_t> flat(4);
  std::map<std::uint64_t, std::uint64_t> plain;
  Rng rng(1);
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const std::uint64_t key = rng.below(7'000) * 4096ULL;  // aligned, as addresses are
    flat[key] += i;
    plain[key] += i;
  }
  CHECK_EQUAL(flat.size(), plain.size());
  for (const auto& [key, value] : plain) {
    CHECK(flat.find(key) != nullptr);
    CHECK_EQUAL(*flat.find(key), value);
  }
  std::size_t visited = 0;
  flat.each([&](std::uint64_t key, std::uint64_t value) {
    ++visited;
    CHECK_EQUAL(plain[key], value);
  });
  CHECK_EQUAL(visited, plain.size());
}

TEST("a cleared flat map has forgotten all keys and all values") {
  FlatMap<int> map;
  for (std::uint64_t key = 0; key < 500; ++key) map[key] = 7;
  map.clear();
  CHECK_EQUAL(map.size(), 0u);
  for (std::uint64_t key = 0; key < 500; ++key) CHECK(map.find(key) == nullptr);
  CHECK_EQUAL(map[3], 0);
  CHECK_EQUAL(map.size(), 1u);
}

TEST("a flat map takes a hundred thousand generations") {
  FlatMap<std::uint64_t> map(8);
  for (std::uint64_t generation = 0; generation < 100'000; ++generation) {
    map.clear();
    map[generation % 5] = generation;
    CHECK_EQUAL(map.size(), 1u);
    CHECK(map.find((generation + 1) % 5) == nullptr);
    CHECK_EQUAL(*map.find(generation % 5), generation);
  }
}

TEST("a flat map that grows after being cleared keeps nothing old") {
  FlatMap<int> map(8);
  for (std::uint64_t key = 100; key < 105; ++key) map[key] = 1;
  map.clear();
  for (std::uint64_t key = 0; key < 64; ++key) map[key] = 2;
  for (std::uint64_t key = 100; key < 105; ++key) CHECK(map.find(key) == nullptr);
  CHECK_EQUAL(map.size(), 64u);
}

TEST("a task set holds what a set holds") {
  TaskSet tasks;
  std::set<TaskId> plain;
  Rng rng(2);
  for (int i = 0; i < 5'000; ++i) {
    const auto t = static_cast<TaskId>(rng.below(200));
    if (rng.below(2) == 0) {
      tasks.add(t);
      plain.insert(t);
    } else {
      tasks.remove(t);
      plain.erase(t);
    }
    CHECK_EQUAL(tasks.has(t), plain.contains(t));
    CHECK_EQUAL(tasks.count(), static_cast<int>(plain.size()));
    CHECK_EQUAL(tasks.empty(), plain.empty());
    CHECK_EQUAL(tasks.first(), plain.empty() ? kNone : *plain.begin());
    const auto above = plain.upper_bound(t);
    CHECK_EQUAL(tasks.after(t), plain.empty() ? kNone : above == plain.end() ? *plain.begin() : *above);
  }
  int n = 0;
  for (const TaskId t : plain) CHECK_EQUAL(tasks.nth(n++), t);
  auto expected = plain.begin();
  tasks.each([&](TaskId t) { CHECK_EQUAL(t, *expected++); });
  CHECK(expected == plain.end());
  CHECK_EQUAL(tasks.nth(n), kNone);
}

TEST("a task set goes round at its ends and at the borders of its words") {
  TaskSet tasks;
  for (const TaskId t : {0, 63, 64, 127}) tasks.add(t);
  CHECK_EQUAL(tasks.after(0), 63);
  CHECK_EQUAL(tasks.after(63), 64);
  CHECK_EQUAL(tasks.after(127), 0);
  CHECK_EQUAL(tasks.after(5'000), 0);
  CHECK_EQUAL(tasks.after(kNone), 0);
  CHECK(!tasks.has(kNone));
  CHECK(!tasks.has(kClock));
  CHECK(!tasks.has(5'000));
  tasks.clear();
  CHECK_EQUAL(tasks.after(3), kNone);
}

TEST("a generator gives the published numbers, and the same for the same seed") {
  // splitmix64(0) seeds xoshiro256**: computed apart from this code.
  Rng rng(0);
  CHECK_EQUAL(rng.next(), 0x99EC5F36CB75F2B4ULL);
  CHECK_EQUAL(rng.next(), 0xBF6E1F784956452AULL);
  CHECK_EQUAL(rng.next(), 0x1A5F849D4933E6E0ULL);
  Rng one(42), again(42), other(43);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t number = one.next();
    CHECK_EQUAL(number, again.next());
    differs |= number != other.next();
  }
  CHECK(differs);
}

TEST("a generator is roughly uniform") {
  Rng rng(3);
  for (const std::uint32_t n : {2u, 3u, 7u, 10u, 64u}) {
    std::vector<int> counts(n, 0);
    const int draws = 20'000;
    for (int i = 0; i < draws; ++i) ++counts[rng.below(n)];
    const double expected = static_cast<double>(draws) / n;
    double chi = 0;
    for (const int count : counts) chi += (count - expected) * (count - expected) / expected;
    CHECK_WITHIN(chi, 0.0, n + 6.0 * std::sqrt(2.0 * n));  // the seed is fixed: this cannot flicker
  }
  double sum = 0;
  for (int i = 0; i < 20'000; ++i) {
    const double u = rng.unit();
    CHECK(u >= 0.0 && u < 1.0);
    sum += u;
  }
  CHECK_WITHIN(sum / 20'000, 0.49, 0.51);
  CHECK_EQUAL(rng.below(1), 0u);
}
