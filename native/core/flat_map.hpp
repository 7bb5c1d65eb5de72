// An open-addressing map from 64-bit keys that is emptied in O(1): each slot carries the generation that
// filled it. Executions come by the ten thousand a second, so nothing may be freed or zeroed between them.
// Invariant: a slot whose generation is not the current one is empty. There is no erase.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

namespace unblink {

template <class Value>
class FlatMap {
 public:
  explicit FlatMap(std::size_t capacity = 256) : slots_(capacity) {}

  void clear() {
    ++generation_;
    size_ = 0;
  }

  std::size_t size() const { return size_; }

  Value* find(std::uint64_t key) {
    for (std::size_t i = start(key);; i = (i + 1) & mask()) {
      Slot& slot = slots_[i];
      if (slot.generation != generation_) return nullptr;
      if (slot.key == key) return &slot.value;
    }
  }

  // The value of `key`, made by default if it was not there. Stays valid until the next insertion.
  Value& operator[](std::uint64_t key) {
    for (std::size_t i = start(key);; i = (i + 1) & mask()) {
      Slot& slot = slots_[i];
      if (slot.generation != generation_) {
        if ((size_ + 1) * 4 > slots_.size() * 3) {
          grow();
          return (*this)[key];
        }
        slot.generation = generation_;
        slot.key = key;
        slot.value = Value{};
        ++size_;
        return slot.value;
      }
      if (slot.key == key) return slot.value;
    }
  }

  template <class F>
  void each(F&& f) {
    for (Slot& slot : slots_)
      if (slot.generation == generation_) f(slot.key, slot.value);
  }

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::uint64_t generation = 0;
    Value value{};
  };

  std::size_t mask() const { return slots_.size() - 1; }
  std::size_t start(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> 20) & mask();
  }

  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    const std::uint64_t filled = generation_++;
    size_ = 0;
    for (Slot& slot : old)
      if (slot.generation == filled) (*this)[slot.key] = std::move(slot.value);
  }

  std::vector<Slot> slots_;
  std::uint64_t generation_ = 1;
  std::size_t size_ = 0;
};

}  // namespace unblink
