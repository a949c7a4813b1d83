// Element types and reductions in MPI's terms.
#pragma once

#include <lockstep/comm/mpi/mpi_api.hpp>
#include <lockstep/comm/reduction.hpp>
#include <lockstep/core/dtype.hpp>

namespace lockstep::detail {

/// How MPI itself combines; both null where it cannot, or not as Reduction promises.
struct MpiReduction {
  MPI_Datatype type = MPI_DATATYPE_NULL;
  MPI_Op operation = MPI_OP_NULL;

  explicit operator bool() const { return type != MPI_DATATYPE_NULL; }
};

/// Integers are summed and multiplied as unsigned ones, which wrap around. 16-bit numbers are unknown to MPI, and what
/// its MIN and MAX do with a NaN is not laid down. A mean is a sum that the caller scales.
inline MpiReduction mpi_reduction(DType dtype, Reduction reduction) {
  const bool compares = reduction == Reduction::min || reduction == Reduction::max;
  MpiReduction result;
  switch (dtype) {
    case DType::uint8:
      result.type = MPI_UINT8_T;
      break;
    case DType::int32:
      result.type = compares ? MPI_INT32_T : MPI_UINT32_T;
      break;
    case DType::int64:
      result.type = compares ? MPI_INT64_T : MPI_UINT64_T;
      break;
    case DType::float32:
      if (!compares) result.type = MPI_FLOAT;
      break;
    case DType::float64:
      if (!compares) result.type = MPI_DOUBLE;
      break;
    default:
      break;
  }
  if (!result) return result;
  switch (reduction) {
    case Reduction::sum:
    case Reduction::mean:
      result.operation = MPI_SUM;
      break;
    case Reduction::min:
      result.operation = MPI_MIN;
      break;
    case Reduction::max:
      result.operation = MPI_MAX;
      break;
    case Reduction::product:
      result.operation = MPI_PROD;
      break;
  }
  return result;
}

}  // namespace lockstep::detail
