// core_tests [TEXT]: runs the tests whose name contains TEXT.
#include "check.hpp"

int main(int argc, char** argv) { return check::run_all(argc > 1 ? argv[1] : "") == 0 ? 0 : 1; }
