/** One colour for each label, by its index: the same in bars, timelines and strips, in the light and the dark scheme. */

const COLOURS = ["#d8504d", "#7d9b37", "#8d6ad6", "#e5a11b", "#3f86c9", "#d65c9f", "#8c959d"];

/** @param {number} index of the label in the model's order */
export const colourOf = (index) => COLOURS[index % COLOURS.length] ?? "#8c959d";
