//! See `sinew_firmware::conformance`.

#![no_std]
#![no_main]

board_cortex_m::conformance_program!(mps2_an386::Board);
