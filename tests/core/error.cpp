// Every kind of error is an Error, and a std::runtime_error, with its text.
#include <lockstep/core/error.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace lockstep;

namespace {

template <class Kind>
void check_kind() {
  try {
    throw Kind(concat("text ", 1));
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "text 1");
  }
  CHECK_THROWS_AS(throw Kind("again"), std::runtime_error);
}

}  // namespace

TEST_CASE("kinds of errors") {
  check_kind<ArgumentError>();
  check_kind<ShapeError>();
  check_kind<IoError>();
  check_kind<EnvironmentError>();
  check_kind<CommunicationError>();
  check_kind<CheckpointError>();
  check_kind<NumericalError>();
}

TEST_CASE("a kind is not another kind") {
  bool caught_as_shape = false;
  try {
    throw ArgumentError("x");
  } catch (const ShapeError&) {
    caught_as_shape = true;
  } catch (const Error&) {}
  CHECK_FALSE(caught_as_shape);
}
