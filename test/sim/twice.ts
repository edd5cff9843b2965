/** Every hundredth seed is run twice (correctness plan, F.7): it must come to the same, to the last event. */
export const TWICE = 100
