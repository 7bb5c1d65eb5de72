// DPOR against the truth: all schedules of generated programs, sorted into Mazurkiewicz traces by an implementation of its own.
#include <map>
#include <set>

#include "../strategies/dpor.hpp"
#include "check.hpp"
#include "programs.hpp"
#include "strategies_for_tests.hpp"
#include "systematic.hpp"

using namespace unblink;
using namespace unblink::model;

namespace {

// Equal for executions that differ in the order of independent transitions only: the set of ordered dependent pairs.
std::string trace_of(const Log& log) {
  struct Piece {
    TaskId task;
    std::size_t index;
    std::vector<std::pair<Key, bool>> keys;  // with whether it writes
    std::vector<TaskId> starts;
  };
  std::vector<Piece> pieces;
  std::map<TaskId, std::size_t> counts;
  for (const Happened& now : log) {
    if (now.never) break;
    if (!now.is_inside()) {
      pieces.push_back({now.task, counts[now.task]++, {}, {}});
      if (now.key != kNoKey) pieces.back().keys.emplace_back(now.key, !observes_only(now.op));
    } else if (!pieces.empty() && now.op != Op::kStart && now.key != kNoKey) {
      pieces.back().keys.emplace_back(now.key, true);
    }
  }
  std::set<std::string> order;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Piece& a = pieces[i];
    order.insert(std::to_string(a.task) + "." + std::to_string(a.index));
    for (std::size_t j = i + 1; j < pieces.size(); ++j) {
      const Piece& b = pieces[j];
      if (a.task == b.task) continue;
      bool depends = a.task == kClock || b.task == kClock;
      for (const auto& [key, writes] : a.keys)
        for (const auto& [other, others] : b.keys) depends = depends || (key == other && (writes || others));
      if (!depends) continue;
      order.insert(std::to_string(a.task) + "." + std::to_string(a.index) + "<" + std::to_string(b.task) + "." + std::to_string(b.index));
    }
  }
  std::string text;
  for (const std::string& each : order) text += each + ";";
  return text;
}

struct Explored {
  std::set<std::string> traces;
  std::set<std::string> failures;
  std::size_t executions = 0;
  bool too_many = false;
};

Explored all_of(const Program& program, const ModelOptions& options, std::size_t most) {
  Model model(program);
  Systematic strategy;
  Explored found;
  do {
    const Outcome outcome = model.run(strategy, options);
    ++found.executions;
    found.traces.insert(trace_of(model.engine().log()));
    if (outcome.failed()) found.failures.insert(outcome.failure + std::to_string(static_cast<int>(outcome.ending)));
  } while (strategy.advance() && found.executions < most);
  found.too_many = found.executions >= most;
  return found;
}

struct Reduced : Explored {
  std::uint64_t interleavings = 0, redundant = 0;
  bool finished = false;
};

Reduced reduced(const Program& program, const ModelOptions& options, std::size_t most) {
  Model model(program);
  Dpor dpor;
  Reduced found;
  while (!dpor.finished() && found.executions < most) {
    const std::uint64_t before = dpor.interleavings();
    const Outcome outcome = model.run(dpor, options);
    ++found.executions;
    if (outcome.failed()) found.failures.insert(outcome.failure + std::to_string(static_cast<int>(outcome.ending)));
    const bool anew = dpor.interleavings() + dpor.redundant() == 1;
    if (anew) found.traces.clear();  // it began anew, since other sites have become points
    if (anew || dpor.interleavings() > before) {
      const bool fresh = found.traces.insert(trace_of(model.engine().log())).second;
      CHECK(fresh);
      if (!fresh) std::printf("again: execution %zu, %llu interleavings, %llu redundant\n", found.executions, (unsigned long long)dpor.interleavings(), (unsigned long long)dpor.redundant());
    }
    CHECK(!dpor.diverged());
  }
  found.interleavings = dpor.interleavings();
  found.redundant = dpor.redundant();
  found.finished = dpor.finished();
  return found;
}

// A random small program over variables, locks, conditions, a queue and timeouts.
struct Generated : Program {
  std::vector<Variable> variables;
  std::vector<Lock> locks;
  explicit Generated(std::uint64_t seed, bool timeouts) {
    Rng rng(seed);
    const int tasks = 2 + static_cast<int>(rng.below(2));
    for (int i = 0; i < 2; ++i) variables.push_back(variable());
    for (int i = 0; i < 2; ++i) locks.push_back(lock());
    const Condition ready = condition();
    const Queue queue_of_all = queue();
    std::vector<BodyId> bodies;
    for (int task = 0; task < tasks; ++task)
      bodies.push_back(body([&](Body& b) {
        const int steps = 1 + static_cast<int>(rng.below(tasks == 2 ? 4 : 2));
        for (int i = 0; i < steps; ++i) add(b, rng, ready, queue_of_all, timeouts);
      }));
    main([&](Body& b) {
      for (const BodyId each : bodies) b.start(each);
      b.join_all();
      const Variable x = variables[0];
      b.check("x is small", [x](const State& s) { return s[x] < 3; });
    });
  }

  void add(Body& b, Rng& rng, Condition ready, Queue items, bool timeouts) {
    const Variable x = variables[rng.below(2)];
    const Lock l = locks[rng.below(2)], m = locks[rng.below(2)];
    switch (rng.below(timeouts ? 9 : 7)) {
      case 0: b.read(x, 0); break;
      case 1: b.read(x, 0).write(x, plus(0, 1)); break;
      case 2: b.lock(l).read(x, 0).write(x, plus(0, 1)).unlock(l); break;
      case 3:
        if (l.number == m.number)
          b.lock(l).update(x, 1).unlock(l);
        else
          b.lock(l).lock(m).write(x, 2).unlock(m).unlock(l);
        break;
      case 4: b.lock(locks[0]).notify(ready).unlock(locks[0]); break;  // a condition has one lock
      case 5: b.put(items, constant(1)); break;
      case 6: b.get(items, 1, timeouts ? kSecond / 4 : kForever); break;
      case 7: b.lock(locks[0]).wait(ready, locks[0], kSecond / 4).unlock(locks[0]); break;
      default: b.sleep(kSecond / 8).write(x, 3); break;
    }
  }
};

}  // namespace

TEST("DPOR runs every Mazurkiewicz trace of generated programs once, and misses no failure") {
  int compared = 0;
  std::size_t traces = 0;
  std::uint64_t redundant = 0;
  for (std::uint64_t seed = 0; seed < 400 && compared < 150; ++seed) {
    const bool timeouts = seed % 3 == 2;
    Generated program(seed, timeouts);
    const ModelOptions options = options_of(0, timeouts ? kSecond / 4 : 0);
    const Explored truth = all_of(program, options, 8'000);
    if (truth.too_many) continue;
    const Reduced found = reduced(program, options, 60'000);
    CHECK(found.finished);
    CHECK_EQUAL(found.interleavings, truth.traces.size());
    CHECK(found.traces == truth.traces);
    CHECK(found.failures == truth.failures);
    if (found.traces != truth.traces || found.interleavings != truth.traces.size())
      std::printf("seed %llu: %zu of %zu traces, %llu executions\n", static_cast<unsigned long long>(seed), found.traces.size(), truth.traces.size(), static_cast<unsigned long long>(found.interleavings));
    ++compared;
    traces += truth.traces.size();
    redundant += found.redundant;
  }
  std::printf("compared %d, %zu traces in all, %llu redundant executions\n", compared, traces, static_cast<unsigned long long>(redundant));
  CHECK(compared >= 100);
}

// Three tasks hand a turn on: each waits, with a loop, until it is its own.
struct HandOff : Program {
  HandOff() {
    const Lock l = lock();
    const Condition c = condition();
    const Variable turn = variable();
    std::vector<BodyId> bodies;
    for (Value me = 0; me < 3; ++me)
      bodies.push_back(body([&](Body& b) {
        b.lock(l).read(turn, 0);
        const std::size_t loops = 2;  // what the others may wake it for in vain
        for (std::size_t i = 0; i < loops; ++i)
          b.when([me](const Registers& r) { return r[0] != me; }, [&](Body& once) { once.wait(c, l).read(turn, 0); });
        b.write(turn, plus(0, 1)).notify_all(c).unlock(l);
      }));
    main([&](Body& b) {
      for (const BodyId each : bodies) b.start(each);
      b.join_all();
    });
  }
};

TEST("DPOR finishes a hand-off of three tasks by a condition in few executions") {
  HandOff program;
  ModelOptions options = options_of(0);
  options.points_at_cold_sites = false;  // as on the ground: what one lock guards is ordered by it
  const Reduced found = reduced(program, options, 1'000);
  CHECK(found.finished);
  CHECK_WITHIN(found.executions, 1, 170);
  std::printf("hand-off: %zu executions, %llu interleavings\n", found.executions, static_cast<unsigned long long>(found.interleavings));
}

TEST("DPOR of programs that are known") {
  LostUpdate lost;
  CHECK_EQUAL(reduced(lost, options_of(0), 100).interleavings, 4u);
  KeptSignal kept;
  CHECK(reduced(kept, options_of(0), 100).finished);
  LockedUpdate locked(3, 1);
  CHECK_EQUAL(reduced(locked, options_of(0), 100).interleavings, 6u);
}
