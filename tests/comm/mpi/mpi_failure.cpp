#include <lockstep/comm/mpi/mpi_failure.hpp>
#include <lockstep/comm/mpi/mpi_session.hpp>

#include <doctest/doctest.h>

#include <string>

namespace ls = lockstep;

TEST_CASE("a failure names the function and has MPI's own words") {
  static_cast<void>(ls::detail::MpiSession::instance());
  CHECK_NOTHROW(ls::detail::require_mpi(MPI_SUCCESS, "MPI_Isend"));
  std::string text;
  try {
    ls::detail::require_mpi(MPI_ERR_TRUNCATE, "MPI_Isend");
  } catch (const ls::detail::MpiFailure& failure) {
    text = failure.text;
  }
  CHECK(text == "MPI_Isend failed: " + ls::detail::mpi_error_text(MPI_ERR_TRUNCATE));
  CHECK(ls::detail::mpi_error_text(MPI_ERR_TRUNCATE).size() > 10);
}
