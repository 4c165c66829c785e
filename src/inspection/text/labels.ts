/** Columns of the labels, in every block of `inspect`. */
export const LABELS = 12;
