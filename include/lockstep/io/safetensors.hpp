// Tensors in files that every framework reads: writing and reading the safetensors format.
#pragma once

#include <lockstep/io/safetensors_reader.hpp>
#include <lockstep/io/safetensors_writer.hpp>
