//! See `sinew_firmware::control`.

#![no_std]
#![no_main]

board_cortex_m::control_program!(stm32f405::Board);
