// A set of tasks as a bit set: the oldest member, the next after one, the n-th. A word holds 64 tasks, so
// every operation is a handful of instructions up to some hundred tasks.
#pragma once
#include <bit>
#include <cstdint>
#include <vector>

#include "types.hpp"

namespace unblink {

class TaskSet {
 public:
  void clear() {
    words_.assign(words_.size(), 0);
    count_ = 0;
  }
  void reserve(std::size_t tasks) {
    if (words_.size() * 64 < tasks) words_.resize((tasks + 63) / 64, 0);
  }
  bool has(TaskId t) const {
    return t >= 0 && static_cast<std::size_t>(t >> 6) < words_.size() && ((words_[t >> 6] >> (t & 63)) & 1);
  }
  void add(TaskId t) {
    reserve(static_cast<std::size_t>(t) + 1);
    if (!has(t)) {
      words_[t >> 6] |= 1ULL << (t & 63);
      ++count_;
    }
  }
  void remove(TaskId t) {
    if (has(t)) {
      words_[t >> 6] &= ~(1ULL << (t & 63));
      --count_;
    }
  }
  int count() const { return count_; }
  bool empty() const { return count_ == 0; }

  TaskId first() const { return at_or_after(0); }

  // The next member after `t`, going round; kNone if the set is empty.
  TaskId after(TaskId t) const {
    const TaskId next = at_or_after(t + 1);
    return next == kNone ? first() : next;
  }

  // The n-th member in order of age, n < count().
  TaskId nth(int n) const {
    for (std::size_t w = 0; w < words_.size(); ++w) {
      std::uint64_t word = words_[w];
      const int here = std::popcount(word);
      if (n >= here) {
        n -= here;
        continue;
      }
      while (n-- > 0) word &= word - 1;
      return static_cast<TaskId>(w * 64 + static_cast<std::size_t>(std::countr_zero(word)));
    }
    return kNone;
  }

  template <class F>
  void each(F&& f) const {
    for (std::size_t w = 0; w < words_.size(); ++w)
      for (std::uint64_t word = words_[w]; word; word &= word - 1)
        f(static_cast<TaskId>(w * 64 + static_cast<std::size_t>(std::countr_zero(word))));
  }

 private:
  TaskId at_or_after(TaskId t) const {
    if (t < 0) t = 0;
    std::size_t w = static_cast<std::size_t>(t) >> 6;
    if (w >= words_.size()) return kNone;
    std::uint64_t word = words_[w] & (~0ULL << (t & 63));
    for (;;) {
      if (word) return static_cast<TaskId>(w * 64 + static_cast<std::size_t>(std::countr_zero(word)));
      if (++w >= words_.size()) return kNone;
      word = words_[w];
    }
  }

  std::vector<std::uint64_t> words_;
  int count_ = 0;
};

}  // namespace unblink
