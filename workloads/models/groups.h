/* Groups of layers of a model file: reading them, and what follows from them for the whole model. */
#ifndef TW_WORKLOADS_GROUPS_H
#define TW_WORKLOADS_GROUPS_H

#include "workloads/models/model.h"

/* Reads all <layers> of a checked model. FALSE with faults where they contradict each other or the model. */
gboolean tw_model_read_groups(const xmlNode *root, tw_model *model, tw_faults *faults);

#endif
