// The one main of all test programs. A test case that runs too long ends the program and is named: a hang is a failure.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace {

unsigned limit_in_seconds() {
  const char* text = std::getenv("LOCKSTEP_TEST_TIMEOUT");
  const int value = text == nullptr ? 0 : std::atoi(text);
  return value > 0 ? static_cast<unsigned>(value) : 120u;
}

const char* volatile running_test = "";

// Only calls that are safe in a signal handler.
void report_hang(int) {
  const auto say = [](const char* text) { return ::write(STDERR_FILENO, text, std::strlen(text)); };
  if (say("HANG: the test case did not end in time: ") < 0 || say(running_test) < 0 || say("\n") < 0) ::_exit(4);
  ::_exit(3);
}

struct Watchdog : doctest::IReporter {
  explicit Watchdog(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override { ::signal(SIGALRM, report_hang); }
  void test_run_end(const doctest::TestRunStats&) override { ::alarm(0); }
  void test_case_start(const doctest::TestCaseData& test) override {
    running_test = test.m_name;
    ::alarm(limit_in_seconds());
  }
  void test_case_reenter(const doctest::TestCaseData&) override { ::alarm(limit_in_seconds()); }
  void test_case_end(const doctest::CurrentTestCaseStats&) override { ::alarm(0); }
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

}  // namespace

DOCTEST_REGISTER_LISTENER("watchdog", 1, Watchdog);
