// Vector clocks and the shadow: which accesses race.
#include "../clocks.hpp"
#include "../shadow.hpp"
#include "check.hpp"

using namespace unblink;

namespace {

// Tasks 0..3 with clocks of their own, as the engine keeps them.
struct Tasks {
  VectorClock clocks[4];
  Shadow shadow;
  Tasks() {
    for (TaskId t = 0; t < 4; ++t) clocks[t].advance(t);
  }
  int enter(TaskId t, Key location, SiteId site, bool writes, bool part = false) {
    int races = 0;
    shadow.enter(location, {t, clocks[t].of(t), site, 0, writes, part}, clocks[t], [&](const Access&) { ++races; });
    return races;
  }
  int read(TaskId t, Key location, SiteId site) { return enter(t, location, site, false); }
  int write(TaskId t, Key location, SiteId site) { return enter(t, location, site, true); }
  // What `from` did so far happens before what `to` does from here on: a release and an acquisition.
  void order(TaskId from, TaskId to) {
    clocks[to].join(clocks[from]);
    clocks[from].advance(from);
  }
};

}  // namespace

TEST("a clock joins by the greater tick of each task") {
  VectorClock a, b;
  a.advance(0);
  a.advance(0);
  b.advance(5);
  b.advance(0);
  a.join(b);
  CHECK_EQUAL(a.of(0), 2u);
  CHECK_EQUAL(a.of(5), 1u);
  CHECK_EQUAL(a.of(3), 0u);
  CHECK_EQUAL(a.of(100), 0u);
  b.assign(a);
  CHECK_EQUAL(b.of(0), 2u);
  a.clear();
  CHECK_EQUAL(a.of(5), 0u);
}

TEST("a pool of clocks hands out empty ones again") {
  ClockPool pool;
  const std::uint32_t first = pool.take();
  pool[first].advance(3);
  pool.take();
  pool.reset();
  CHECK_EQUAL(pool.take(), first);
  CHECK_EQUAL(pool[first].of(3), 0u);
}

TEST("two unordered accesses race when one of them writes") {
  Tasks t;
  CHECK_EQUAL(t.read(0, 8, 1), 0);
  CHECK_EQUAL(t.read(1, 8, 2), 0);   // two reads do not
  CHECK_EQUAL(t.write(2, 8, 3), 2);  // a write does, with both
  CHECK_EQUAL(t.write(0, 9, 1), 0);
  CHECK_EQUAL(t.read(1, 9, 2), 1);
  CHECK_EQUAL(t.write(0, 16, 1), 0);
  CHECK_EQUAL(t.write(1, 24, 1), 0);  // another location
}

TEST("accesses ordered by a release and an acquisition do not race") {
  Tasks t;
  t.write(0, 8, 1);
  t.order(0, 1);
  CHECK_EQUAL(t.write(1, 8, 2), 0);
  t.order(1, 2);
  CHECK_EQUAL(t.read(2, 8, 3), 0);  // through two hands
  CHECK_EQUAL(t.read(3, 8, 4), 2);  // with both writes
}

TEST("what a task does after its release is not ordered by it") {
  Tasks t;
  t.order(0, 1);
  t.write(0, 8, 1);
  CHECK_EQUAL(t.read(1, 8, 2), 1);
}

TEST("a task does not race with itself, nor with the execution before") {
  Tasks t;
  t.write(0, 8, 1);
  CHECK_EQUAL(t.read(0, 8, 2), 0);
  CHECK_EQUAL(t.write(0, 8, 3), 0);
  t.shadow.clear();
  CHECK_EQUAL(t.write(1, 8, 4), 0);
}

TEST("two items of a container do not race, an item and the whole do") {
  Tasks t;
  CHECK_EQUAL(t.enter(0, 8, 1, true, true), 0);
  CHECK_EQUAL(t.enter(1, 8, 2, true, true), 0);
  CHECK_EQUAL(t.enter(2, 8, 3, false, false), 2);  // len() beside two writes of items
}

TEST("a full cell forgets, and never invents a race") {
  Tasks t;
  for (SiteId site = 1; site < 40; ++site) CHECK_EQUAL(t.read(0, 8, site), 0);
  t.order(0, 1);
  CHECK_EQUAL(t.write(1, 8, 50), 0);
}

TEST("a location that takes another's cell gives no race of the other's") {
  Shadow tiny(1);
  VectorClock zero, one;
  zero.advance(0);
  one.advance(1);
  int races = 0;
  for (Key location = 8; location < 8'000; location += 8) {
    tiny.enter(location, {0, 1, 1, 0, true, false}, zero, [&](const Access&) { ++races; });
    tiny.enter(location + 8, {1, 1, 2, 0, true, false}, one, [&](const Access&) { ++races; });
    tiny.clear();
  }
  CHECK_EQUAL(races, 0);
}

TEST("a write of the whole is not forgotten for a later write of one item") {
  Tasks t;
  t.enter(0, 8, 1, true, false);  // xs.append(1)
  t.enter(0, 8, 2, true, true);   // xs[0] = 2
  CHECK_EQUAL(t.enter(1, 8, 3, false, true), 1);  // xs[1], unordered with the append
}
