// Small concurrent programs as data: bodies made of steps, over variables, locks, conditions and queues.
//
//   Program p;
//   const Variable x = p.variable();
//   const BodyId bump = p.body([&](Body& b) { b.read(x, 0).write(x, plus(0, 1)); });
//   p.main([&](Body& b) { b.start(bump).start(bump).join_all().check("x is 2", [x](const State& s) { return s[x] == 2; }); });
//
// Every step has a site of its own. Registers belong to a task, variables are shared.
#pragma once
#include <array>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "../types.hpp"

namespace unblink::model {

using Value = std::int64_t;
using BodyId = std::size_t;
using Registers = std::array<Value, 8>;

enum class Area : std::uint64_t { kVariable = 1, kLock, kCondition, kQueue, kTask, kWaiter };

inline constexpr Key key_of(Area area, std::uint64_t number) {
  return (static_cast<std::uint64_t>(area) << 48) | (number + 1);
}

template <Area A>
struct Handle {
  std::size_t number = 0;
  Key key() const { return key_of(A, number); }
};
using Variable = Handle<Area::kVariable>;
using Lock = Handle<Area::kLock>;
using Condition = Handle<Area::kCondition>;
using Queue = Handle<Area::kQueue>;

// What all tasks share, as checks see it.
struct State {
  std::vector<Value> variables;
  Value operator[](Variable v) const { return variables[v.number]; }
};

using Formula = std::function<Value(const Registers&)>;
using Test = std::function<bool(const Registers&)>;

inline Formula constant(Value value) {
  return [value](const Registers&) { return value; };
}
inline Formula plus(std::size_t source, Value amount) {
  return [source, amount](const Registers& r) { return r[source] + amount; };
}

enum class Do : std::uint8_t {
  kRead,
  kWrite,
  kUpdate,  // adds to a variable in one indivisible step; the register gets the old value
  kLock,    // the register gets 1, or 0 after the timeout
  kTryLock,
  kUnlock,  // no point stands before it, as on the ground
  kWait,    // on a condition, with its lock held; the register gets 1, or 0 after the timeout
  kNotify,
  kNotifyAll,
  kPut,
  kGet,  // the register gets the value, or -1 after the timeout
  kSleep,
  kYield,
  kStart,
  kJoinAll,
  kSet,  // the rest is invisible to other tasks
  kJump,
  kCheck
};

struct Step {
  Do what;
  SiteId site = kNoSite;
  std::size_t object = 0;
  std::size_t lock = 0;
  std::size_t target = 0;  // register, body, or where to jump
  Nanos timeout = kForever;
  Formula formula{};
  Test test{};
  std::function<bool(const State&)> holds{};
  std::string text{};
};

class Program;

// Builds the steps of one body; each call adds one.
class Body {
 public:
  explicit Body(Program& program) : program_(program) {}

  Body& read(Variable v, std::size_t reg) { return add({.what = Do::kRead, .object = v.number, .target = reg}); }
  Body& write(Variable v, Formula f) { return add({.what = Do::kWrite, .object = v.number, .formula = std::move(f)}); }
  Body& write(Variable v, Value value) { return write(v, constant(value)); }
  Body& update(Variable v, Value amount, std::size_t reg = 7) {
    return add({.what = Do::kUpdate, .object = v.number, .target = reg, .formula = constant(amount)});
  }
  Body& lock(Lock l, Nanos timeout = kForever, std::size_t reg = 7) {
    return add({.what = Do::kLock, .object = l.number, .target = reg, .timeout = timeout});
  }
  Body& try_lock(Lock l, std::size_t reg) { return add({.what = Do::kTryLock, .object = l.number, .target = reg}); }
  Body& unlock(Lock l) { return add({.what = Do::kUnlock, .object = l.number}); }
  Body& wait(Condition c, Lock l, Nanos timeout = kForever, std::size_t reg = 7) {
    return add({.what = Do::kWait, .object = c.number, .lock = l.number, .target = reg, .timeout = timeout});
  }
  Body& notify(Condition c) { return add({.what = Do::kNotify, .object = c.number}); }
  Body& notify_all(Condition c) { return add({.what = Do::kNotifyAll, .object = c.number}); }
  Body& put(Queue q, Formula f) { return add({.what = Do::kPut, .object = q.number, .formula = std::move(f)}); }
  Body& get(Queue q, std::size_t reg, Nanos timeout = kForever) {
    return add({.what = Do::kGet, .object = q.number, .target = reg, .timeout = timeout});
  }
  Body& sleep(Nanos duration) { return add({.what = Do::kSleep, .timeout = duration}); }
  Body& yield() { return add({.what = Do::kYield}); }
  Body& start(BodyId body) { return add({.what = Do::kStart, .target = body}); }
  Body& join_all() { return add({.what = Do::kJoinAll}); }
  Body& set(std::size_t reg, Formula f) { return add({.what = Do::kSet, .target = reg, .formula = std::move(f)}); }
  Body& check(std::string text, std::function<bool(const State&)> holds) {
    return add({.what = Do::kCheck, .holds = std::move(holds), .text = std::move(text)});
  }
  Body& check_own(std::string text, Test test) {
    return add({.what = Do::kCheck, .test = std::move(test), .text = std::move(text)});
  }

  template <class F>
  Body& repeat(int times, F&& steps) {
    for (int i = 0; i < times; ++i) steps(*this);
    return *this;
  }
  // The steps run if `test` holds.
  template <class F>
  Body& when(Test test, F&& steps) {
    const std::size_t jump = jump_if([test](const Registers& r) { return !test(r); });
    steps(*this);
    steps_[jump].target = steps_.size();
    return *this;
  }
  // The steps run, at least once, until `test` holds.
  template <class F>
  Body& until(Test test, F&& steps) {
    const std::size_t start = steps_.size();
    steps(*this);
    const std::size_t jump = jump_if([test](const Registers& r) { return !test(r); });
    steps_[jump].target = start;
    return *this;
  }

  const std::vector<Step>& steps() const { return steps_; }

 private:
  Body& add(Step step);
  std::size_t jump_if(Test test) {
    add({.what = Do::kJump, .test = std::move(test)});
    return steps_.size() - 1;
  }

  Program& program_;
  std::vector<Step> steps_;
};

class Program {
 public:
  Program() = default;
  Program(const Program&) = delete;  // bodies know their program

  Variable variable(Value initial = 0) {
    initial_.push_back(initial);
    return {initial_.size() - 1};
  }
  Lock lock() { return {locks_++}; }
  Condition condition() { return {conditions_++}; }
  Queue queue() { return {queues_++}; }

  template <class F>
  BodyId body(F&& fill) {
    bodies_.emplace_back(*this);
    fill(bodies_.back());
    return bodies_.size() - 1;
  }
  template <class F>
  void main(F&& fill) {
    main_ = body(std::forward<F>(fill));
  }

  SiteId new_site() { return next_site_++; }
  SiteId site_count() const { return next_site_; }
  const std::vector<Step>& steps(BodyId body) const { return bodies_[body].steps(); }
  BodyId main_body() const { return main_; }
  const std::vector<Value>& initial() const { return initial_; }
  std::size_t locks() const { return locks_; }
  std::size_t conditions() const { return conditions_; }
  std::size_t queues() const { return queues_; }

 private:
  std::deque<Body> bodies_;  // a deque: a body may be filled while another is made
  std::vector<Value> initial_;
  std::size_t locks_ = 0, conditions_ = 0, queues_ = 0;
  BodyId main_ = 0;
  SiteId next_site_ = kEndSite + 1;
};

inline Body& Body::add(Step step) {
  step.site = program_.new_site();
  steps_.push_back(std::move(step));
  return *this;
}

}  // namespace unblink::model
