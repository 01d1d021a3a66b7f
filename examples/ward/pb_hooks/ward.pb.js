/// <reference path="../pb_data/types.d.ts" />
// No booking without a ward, by whatever way it comes.
onRecordCreate((e) => {
  if (!e.record.getString("x_ward").trim()) {
    throw new BadRequestError("Say which ward.", {
      x_ward: new ValidationError("validation_required", "Say which ward the patient comes to."),
    });
  }
  e.next();
}, "appointments");
