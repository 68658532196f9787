//! A robot's host at the deadlines of the board's clock; see `sinew_firmware::host`.

#![no_std]
#![no_main]

board_cortex_m::host_program!(stm32f405::Board, RealTime, 1024, 256, 1024);
