//! See `sinew_firmware::control`.

#![no_std]
#![no_main]

board_cortex_m::control_program!(mps2_an386::Board);
