#include <lockstep/comm/mpi/mpi_types.hpp>

#include <doctest/doctest.h>

using lockstep::DType;
using lockstep::Reduction;
using lockstep::detail::mpi_reduction;

TEST_CASE("MPI combines what it combines as Reduction promises") {
  CHECK(mpi_reduction(DType::float32, Reduction::mean).operation == MPI_SUM);
  CHECK(mpi_reduction(DType::float64, Reduction::product).operation == MPI_PROD);
  CHECK(mpi_reduction(DType::float64, Reduction::product).type == MPI_DOUBLE);
  CHECK(mpi_reduction(DType::int32, Reduction::sum).type == MPI_UINT32_T);  // wraps around
  CHECK(mpi_reduction(DType::int64, Reduction::min).type == MPI_INT64_T);
  CHECK(mpi_reduction(DType::uint8, Reduction::max).operation == MPI_MAX);
  CHECK(!mpi_reduction(DType::float32, Reduction::min));  // of a NaN
  CHECK(!mpi_reduction(DType::bfloat16, Reduction::sum));
  CHECK(!mpi_reduction(DType::float16, Reduction::max));
}
