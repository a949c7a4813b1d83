// Functions that cost only the programs that call them. A compiler takes in the body of every inline function that it
// reads, with all that the body instantiates, called or not; the body of a template waits for the first call.
#pragma once

/// Stands before the definition of a function, member function or constructor in place of `inline`, wherever many
/// programs include the function and few call it. Callers see no difference.
#define LOCKSTEP_ON_DEMAND template <class = void>
