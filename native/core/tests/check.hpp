// A test runner of one page: named tests, checks that say both sides, a closing line.
//
// TEST("a sentence") { ... }                     fails when one of its checks does
// KNOWN_DEFECT("a sentence", "what is wrong")    fails when all of its checks hold: then it is to be made a TEST
#pragma once
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace check {

struct Case {
  const char* name;
  const char* defect;  // null for a plain test
  std::function<void()> body;
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

inline std::vector<std::string>& failures() {
  static std::vector<std::string> of_this_test;
  return of_this_test;
}

struct Entered {
  Entered(const char* name, const char* defect, void (*body)()) { cases().push_back({name, defect, body}); }
};

template <class T>
std::string shown(const T& value) {
  std::ostringstream out;
  if constexpr (requires { out << value; })
    out << value;
  else if constexpr (requires { static_cast<long long>(value); })
    out << static_cast<long long>(value);
  else
    out << "(a value)";
  return out.str();
}

inline void failed(const char* file, int line, const std::string& what) {
  failures().push_back(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

template <class A, class B>
void equal(const A& a, const B& b, const char* text, const char* file, int line) {
  if (!(a == b)) failed(file, line, std::string(text) + ": " + shown(a) + " and " + shown(b));
}

template <class T>
void within(const T& value, double low, double high, const char* text, const char* file, int line) {
  const auto number = static_cast<double>(value);
  if (number < low || number > high)
    failed(file, line, std::string(text) + " is " + shown(value) + ", not in " + shown(low) + " .. " + shown(high));
}

// Runs the tests whose name contains `filter`; answers how many went wrong.
inline int run_all(const std::string& filter) {
  int passed = 0, wrong = 0, defects = 0;
  for (const Case& test : cases()) {
    if (std::string(test.name).find(filter) == std::string::npos) continue;
    failures().clear();
    test.body();
    const bool held = failures().empty();
    if (test.defect == nullptr && held) {
      ++passed;
    } else if (test.defect != nullptr && !held) {
      ++defects;
      std::cout << "known defect: " << test.name << "\n    " << test.defect << "\n    " << failures().front() << "\n";
    } else {
      ++wrong;
      std::cout << "FAILED: " << test.name << "\n";
      for (const std::string& text : failures()) std::cout << "    " << text << "\n";
      if (held) std::cout << "    the known defect is gone: make it a TEST\n";
    }
  }
  std::cout << "core: " << passed << " passed, " << wrong << " failed";
  if (defects > 0) std::cout << ", " << defects << " known defects";
  std::cout << std::endl;
  return wrong;
}

}  // namespace check

#define CHECK_JOIN_(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN_(a, b)
#define CHECK_CASE(name, defect, id)                                                    \
  static void CHECK_JOIN(test_, id)();                                                  \
  static const check::Entered CHECK_JOIN(entered_, id)(name, defect, CHECK_JOIN(test_, id)); \
  static void CHECK_JOIN(test_, id)()
#define TEST(name) CHECK_CASE(name, nullptr, __LINE__)
#define KNOWN_DEFECT(name, defect) CHECK_CASE(name, defect, __LINE__)
#define CHECK(condition) \
  do {                   \
    if (!(condition)) check::failed(__FILE__, __LINE__, #condition); \
  } while (false)
#define CHECK_EQUAL(a, b) check::equal((a), (b), #a " == " #b, __FILE__, __LINE__)
#define CHECK_WITHIN(value, low, high) check::within((value), (low), (high), #value, __FILE__, __LINE__)
