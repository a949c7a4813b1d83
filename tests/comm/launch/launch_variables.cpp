#include <lockstep/comm/launch/launch_variables.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace ls = lockstep;
namespace detail = lockstep::detail;

namespace {

const char* small_environment(const char* name) {
  if (std::string_view(name) == "SEVEN") return "7";
  if (std::string_view(name) == "EMPTY") return "";
  return nullptr;
}

template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const ls::EnvironmentError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

static_assert(detail::VariableGetter<const char* (*)(const char*)>);
static_assert(detail::VariableGetter<char* (*)(const char*)>, "getenv");
static_assert(!detail::VariableGetter<const char* (*)(int)>);
static_assert(!detail::VariableGetter<std::string (*)(const char*)>, "a copy would not outlive the call");

TEST_CASE("a variable is shown as a shell would") {
  CHECK(detail::show_variable(small_environment, "SEVEN") == "SEVEN=\"7\"");
  CHECK(detail::show_variable(small_environment, "EMPTY") == "EMPTY=\"\"");
  CHECK(detail::show_variable(small_environment, "OTHER") == "OTHER is not set");
  CHECK(detail::text_variable(small_environment, "SEVEN") == "7");
  CHECK(detail::text_variable(small_environment, "OTHER") == "");
}

TEST_CASE("whole numbers in range are read") {
  CHECK(detail::parse_variable("N", "0", 0, 10) == 0);
  CHECK(detail::parse_variable("N", "10", 0, 10) == 10);
  CHECK(detail::parse_variable("N", "007", 0, 10) == 7);
  CHECK(detail::parse_variable("N", "-3", -5, 10) == -3);
  CHECK(detail::parse_variable("N", "2147483647", 0, 2147483647) == 2147483647);
}

TEST_CASE("anything else is refused with name, value and range") {
  for (const char* value : {"", "-", "11", "-1", "x", "1 ", " 1", "1\n", "+1", "1e1", "0x1", "2147483648", "9999999999",
                            "18446744073709551617"}) {
    CAPTURE(value);
    const std::string message = message_of([&] { detail::parse_variable("NAME", value, 0, 10); });
    CHECK(message.find("NAME=\"" + std::string(value) + "\" is not a whole number from 0 to 10") != std::string::npos);
  }
}

TEST_CASE("a required variable that is missing is named with the one that needs it") {
  CHECK(detail::required_variable(small_environment, "SEVEN", "EMPTY", 0, 10) == 7);
  const std::string message = message_of([] { detail::required_variable(small_environment, "OTHER", "SEVEN", 0, 10); });
  CHECK(message.find("SEVEN=\"7\" but OTHER is not set") != std::string::npos);
}
