// The programs that the tests run; each is the smallest of its kind.
#pragma once
#include "program.hpp"

namespace unblink::model {

inline constexpr Nanos kSecond = 1'000'000'000;

// Two tasks add 1 by a read and a write: one update can be lost.
struct LostUpdate : Program {
  Variable x = variable();
  LostUpdate() {
    const BodyId bump = body([&](Body& b) { b.read(x, 0).write(x, plus(0, 1)); });
    main([&](Body& b) {
      b.start(bump).start(bump).join_all().check("x is 2", [this](const State& s) { return s[x] == 2; });
    });
  }
};

// The same under a lock: correct.
struct LockedUpdate : Program {
  Variable x = variable();
  Lock l = lock();
  explicit LockedUpdate(int tasks = 2, int times = 1) {
    const BodyId bump = body([&](Body& b) {
      b.repeat(times, [&](Body& once) { once.lock(l).read(x, 0).write(x, plus(0, 1)).unlock(l); });
    });
    main([&](Body& b) {
      b.repeat(tasks, [&](Body& once) { once.start(bump); }).join_all();
      b.check("no update is lost", [this, tasks, times](const State& s) { return s[x] == tasks * times; });
    });
  }
};

// Two locks taken in opposite orders.
struct CrossedLocks : Program {
  CrossedLocks() {
    const Lock a = lock(), c = lock();
    const BodyId left = body([&](Body& b) { b.lock(a).lock(c).unlock(c).unlock(a); });
    const BodyId right = body([&](Body& b) { b.lock(c).lock(a).unlock(a).unlock(c); });
    main([&](Body& b) { b.start(left).start(right).join_all(); });
  }
};

// A task waits for a condition that may have been signalled before: a missed signal.
struct MissedSignal : Program {
  MissedSignal() {
    const Lock l = lock();
    const Condition c = condition();
    const BodyId waiter = body([&](Body& b) { b.lock(l).wait(c, l).unlock(l); });
    main([&](Body& b) { b.start(waiter).lock(l).notify(c).unlock(l).join_all(); });
  }
};

// The same with a flag that is looked at under the lock: correct.
struct KeptSignal : Program {
  KeptSignal() {
    const Lock l = lock();
    const Condition c = condition();
    const Variable ready = variable();
    const BodyId waiter = body([&](Body& b) {
      b.lock(l).read(ready, 0);
      b.when([](const Registers& r) { return r[0] == 0; }, [&](Body& once) { once.wait(c, l); });
      b.unlock(l);
    });
    main([&](Body& b) { b.start(waiter).lock(l).write(ready, 1).notify(c).unlock(l).join_all(); });
  }
};

// A hand-off whose deadline passes while the worker is held back for half a second.
struct LateHandOff : Program {
  Variable handled = variable();
  LateHandOff() {
    const Queue q = queue();
    const BodyId worker = body([&](Body& b) {
      b.get(q, 0, kSecond / 2);
      b.when([](const Registers& r) { return r[0] > 0; }, [&](Body& once) { once.write(handled, 1); });
    });
    main([&](Body& b) {
      b.start(worker).yield().put(q, constant(1)).join_all();
      b.check("the message was handled", [this](const State& s) { return s[handled] == 1; });
    });
  }
};

// Two tasks, each one write to the same variable, that meet as equals: who is last?
struct TwoWriters : Program {
  Variable x = variable();
  TwoWriters() {
    const BodyId one = body([&](Body& b) { b.write(x, 1); });
    const BodyId two = body([&](Body& b) { b.write(x, 2); });
    main([&](Body& b) { b.start(one).start(two).join_all(); });
  }
};

// Waits in a loop, without sleeping, for what another task does after `length` operations.
struct Spinning : Program {
  explicit Spinning(int length, bool ever = true) {
    const Variable flag = variable(), other = variable();
    const BodyId spinner = body([&](Body& b) {
      b.until([](const Registers& r) { return r[0] == 1; }, [&](Body& once) { once.read(flag, 0); });
    });
    main([&](Body& b) {
      b.start(spinner).repeat(length, [&](Body& once) { once.read(other, 1); });
      if (ever) b.write(flag, 1);
      b.join_all();
    });
  }
};

// Fails only as a1 < b1 < c < b2 < a2: three ordering constraints beyond the order of starts, a bug of depth 3.
struct Nested : Program {
  Variable stage = variable();
  Nested() {
    const auto pass = [&](Body& b, Value from, Value to) {
      b.read(stage, 0).when([from](const Registers& r) { return r[0] == from; }, [&](Body& once) {
        once.write(stage, to);
      });
    };
    const BodyId a = body([&](Body& b) {
      pass(b, 0, 1);
      pass(b, 4, 5);
    });
    const BodyId bb = body([&](Body& b) {
      pass(b, 1, 2);
      pass(b, 3, 4);
    });
    const BodyId c = body([&](Body& b) { pass(b, 2, 3); });
    main([&](Body& b) {
      b.start(a).start(bb).start(c).join_all();
      b.check("the stages were not passed in turn", [this](const State& s) { return s[stage] != 5; });
    });
  }
};

}  // namespace unblink::model
